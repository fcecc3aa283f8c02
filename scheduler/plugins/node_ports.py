"""NodePorts: a host port is given to one pod of a node only.

Mirrors ``plugins/nodeports``. Which ports conflict is defined in ``cluster.ports``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.api.pod import Pod
from scheduler.cluster.columns import Ids, Mask, Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.ports import host_ports
from scheduler.framework.plugin import SKIP, CounterFilter, PreFilterAnswer, same_for_all
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

REASON = "node(s) didn't have free ports for the requested pod ports"


class NodePorts(CounterFilter):
    """Filters by the host ports that pods on the node hold."""

    name = "NodePorts"

    @property
    def hints(self) -> QueueingHints:
        return {EventKind.NODE_ADD: always, EventKind.ASSIGNED_POD_DELETE: _frees_a_port}

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        return None if pod_class.ports else SKIP

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        free = np.ones(nodes.size, dtype=np.bool_)
        for port in pod_class.ports:
            free[list(nodes.ports.rows_in_conflict(port))] = False
        return free[rows]

    def filter_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> bool:
        return all(nodes.ports.is_free(row, port) for port in pod_class.ports)

    def rejection_if(
        self, pod_class: PodClass, nodes: NodeTable, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]
    ) -> Rejection | None:
        freed = {port for pod in gone for port in pod.ports}
        taken = {port for pod in come for port in pod.ports}
        for wanted in pod_class.ports:
            # upstream keeps a set: with one holder a port is gone, though two should hold it, which no kubelet allows
            held = nodes.ports.conflicts(row, wanted) - freed
            if held or any(wanted.conflicts(port) for port in taken):
                return Rejection(Code.UNSCHEDULABLE, self.name, (REASON,))
        return None

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        return same_for_all(rows, Rejection(Code.UNSCHEDULABLE, self.name, (REASON,)))


def _frees_a_port(pod: Pod, event: ClusterEvent) -> bool:
    """The deleted pod held a port that the waiting one cannot have beside it."""
    if not isinstance(event.old, Pod):
        return True
    held = host_ports(event.old.spec)
    return any(wanted.conflicts(port) for wanted in host_ports(pod.spec) for port in held)
