"""TaintToleration: taints keep pods off nodes, or only make nodes less welcome.

Mirrors ``plugins/tainttoleration``. Evaluated once per distinct set of taints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scheduler.api.node import Node, Taint
from scheduler.api.pod import Pod, Toleration
from scheduler.api.tolerations import any_tolerates, is_tolerated
from scheduler.cluster.columns import Ids, Mask, Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import FilterPlugin, Normalization, ScorePlugin, Scores, same_for_all
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

REASON = "node(s) had untolerated taint(s)"

_DISCOURAGING = "PreferNoSchedule"


class TaintToleration(FilterPlugin, ScorePlugin):
    """Filters by the taints that forbid, scores by those that discourage: the fewer, the better."""

    name = "TaintToleration"
    normalization = Normalization.REVERSED

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.NODE_ADD: _became_tolerable,
            EventKind.NODE_UPDATE_TAINT: _became_tolerable,
            EventKind.TARGET_POD_TOLERATION: always,
        }

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        tolerations = pod_class.spec.tolerations
        return nodes.taint_sets.gather(lambda taints: is_tolerated(tolerations, taints), nodes.taints[rows], np.bool_)

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        return same_for_all(rows, Rejection(Code.UNRESOLVABLE, self.name, (REASON,)))

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        """How many discouraging taints the pod does not tolerate."""
        tolerations = pod_class.spec.tolerations
        return nodes.taint_sets.gather(lambda taints: _discouraging(tolerations, taints), nodes.taints[rows], np.int64)


def _discouraging(tolerations: Sequence[Toleration], taints: Iterable[Taint]) -> int:
    return sum(not any_tolerates(tolerations, taint) for taint in taints if taint.effect == _DISCOURAGING)


def _became_tolerable(pod: Pod, event: ClusterEvent) -> bool:
    """The node's taints are tolerated now and were not, or the node is new."""
    tolerations = pod.spec.tolerations
    was = isinstance(event.old, Node) and is_tolerated(tolerations, event.old.spec.taints)
    return isinstance(event.new, Node) and is_tolerated(tolerations, event.new.spec.taints) and not was
