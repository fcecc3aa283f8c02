"""NodeDeclaredFeatures: a pod that needs a new feature of the kubelet goes only to nodes that declare it.

Mirrors ``plugins/nodedeclaredfeatures`` and component-helpers ``nodedeclaredfeatures`` as of 1.37, where three features
are inferred from a pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scheduler.api.node import Node
from scheduler.api.pod import Pod, PodSpec
from scheduler.cluster.columns import Ids, Mask, Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import SKIP, FilterPlugin, PreFilterAnswer, same_for_all
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints

REASON = "node(s) didn't match Pod's required features"


class NodeDeclaredFeatures(FilterPlugin):
    """Filters by ``status.declaredFeatures`` of nodes."""

    name = "NodeDeclaredFeatures"

    @property
    def hints(self) -> QueueingHints:
        return dict.fromkeys((EventKind.NODE_ADD, EventKind.NODE_UPDATE_DECLARED_FEATURE), _declares_enough)

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        return None if required_features(pod_class.spec) else SKIP

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        return nodes.feature_sets.gather(required_features(pod_class.spec).issubset, nodes.features[rows], np.bool_)

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        return same_for_all(rows, Rejection(Code.UNRESOLVABLE, self.name, (REASON,)))


def _declares_enough(pod: Pod, event: ClusterEvent) -> bool:
    return isinstance(event.new, Node) and required_features(pod.spec).issubset(event.new.status.declared_features)


def required_features(spec: PodSpec) -> frozenset[str]:
    """The features without which a kubelet cannot run the pod."""
    return frozenset(_inferred(spec))


def _inferred(spec: PodSpec) -> Iterator[str]:
    containers = (*spec.init_containers, *spec.containers)
    if any(rule.action == "RestartAllContainers" for c in containers for rule in c.restart_policy_rules):
        yield "RestartAllContainersOnContainerExits"
    if spec.host_network and spec.host_users is False:
        yield "UserNamespacesHostNetworkSupport"
    if any(mount.bind_mount_options is not None for c in containers for mount in c.volume_mounts):
        yield "VolumeBindMountOptions"
