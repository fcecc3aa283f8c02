"""NodeName: a pod that names its node gets that one or none.

Mirrors ``plugins/nodename``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.cluster.columns import Ids, Mask, Rows, count, indexes
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import SKIP, FilterPlugin, OnlyNodes, PreFilterAnswer, same_for_all
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import EventKind, QueueingHints, always

REASON = "node(s) didn't match the requested node name"


class NodeName(FilterPlugin):
    """Filters by ``spec.nodeName``. Pods that wait in a queue normally have none, and then it skips."""

    name = "NodeName"

    @property
    def hints(self) -> QueueingHints:
        return {EventKind.NODE_ADD: always}

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        name = pod_class.spec.node_name
        return OnlyNodes(frozenset({name})) if name else SKIP

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        row = nodes.row_of(pod_class.spec.node_name)
        if row is None:
            return np.zeros(count(rows), dtype=np.bool_)
        return np.equal(indexes(rows), row)

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        return same_for_all(rows, Rejection(Code.UNRESOLVABLE, self.name, (REASON,)))
