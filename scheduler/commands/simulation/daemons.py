"""The pods of a DaemonSet: one for each node that its controller would choose.

Owns the controller's own look at nodes (upstream: ``pkg/controller/daemon``, NodeShouldRunDaemonPod): node selector and
affinity, and taints, some of which every daemon tolerates. Room is no matter there: that is for the scheduler, which
finds the node by an affinity to its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from scheduler.api.affinity import Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from scheduler.api.node import Node
from scheduler.api.pod import Pod, PodSpec, Toleration
from scheduler.api.selectors import NAME_FIELD
from scheduler.api.tolerations import is_tolerated
from scheduler.cluster.node_selection import is_selected

_TOLERATED = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)
_ON_HOST_NETWORK = ("network-unavailable", "NoSchedule")


def daemons(template: Pod, nodes: Iterable[Node]) -> Iterator[tuple[Pod, Node]]:
    """A pod for each node that should run one, which only that node can take. All still have the template's name."""
    spec = msgspec.structs.replace(
        template.spec, tolerations=[*template.spec.tolerations, *_tolerations(template.spec)]
    )
    for node in nodes:
        if _should_run(spec, node):
            yield msgspec.structs.replace(template, spec=_for_node(spec, node.name)), node


def _tolerations(spec: PodSpec) -> list[Toleration]:
    listed = (*_TOLERATED, _ON_HOST_NETWORK) if spec.host_network else _TOLERATED
    return [Toleration(key=f"node.kubernetes.io/{what}", operator="Exists", effect=effect) for what, effect in listed]


def _should_run(spec: PodSpec, node: Node) -> bool:
    return (
        spec.node_name in {"", node.name}
        and is_selected(spec, node)
        and is_tolerated(spec.tolerations, node.spec.taints)
    )


def _for_node(spec: PodSpec, name: str) -> PodSpec:
    """What the affinity required has led to the node already: its name takes that place."""
    term = NodeSelectorTerm(match_fields=[NodeSelectorRequirement(key=NAME_FIELD, operator="In", values=[name])])
    affinity = spec.affinity or Affinity()
    to_nodes = affinity.node_affinity or NodeAffinity()
    required = msgspec.structs.replace(to_nodes, required=NodeSelector(node_selector_terms=[term]))
    return msgspec.structs.replace(spec, affinity=msgspec.structs.replace(affinity, node_affinity=required))
