"""NodeUnschedulable: no pod goes to a cordoned node unless it tolerates that.

Mirrors ``plugins/nodeunschedulable``.
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.api.node import Node, Taint
from scheduler.api.pod import Pod
from scheduler.api.tolerations import any_tolerates
from scheduler.cluster.columns import Ids, Mask, Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import SKIP, FilterPlugin, PreFilterAnswer, same_for_all
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints

REASON = "node(s) were unschedulable"
CORDON = Taint(key="node.kubernetes.io/unschedulable", value="", effect="NoSchedule")
"""The taint that stands for ``spec.unschedulable``."""


class NodeUnschedulable(FilterPlugin):
    """Filters by ``spec.unschedulable`` of nodes."""

    name = "NodeUnschedulable"

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.NODE_ADD: _opened,
            EventKind.NODE_UPDATE_TAINT: _opened,
            EventKind.TARGET_POD_TOLERATION: lambda pod, _event: any_tolerates(pod.spec.tolerations, CORDON),
        }

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        return SKIP if any_tolerates(pod_class.spec.tolerations, CORDON) else None

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        return ~nodes.unschedulable[rows]

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        return same_for_all(rows, Rejection(Code.UNRESOLVABLE, self.name, (REASON,)))


def _opened(_pod: Pod, event: ClusterEvent) -> bool:
    """The node is new or was cordoned, and is not now."""
    was_open = isinstance(event.old, Node) and not event.old.spec.unschedulable
    return isinstance(event.new, Node) and not event.new.spec.unschedulable and not was_open
