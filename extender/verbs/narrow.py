"""Narrowing: of many nodes that can run the pod, a few good ones, which spares kube-scheduler the scoring of the rest.

Owns the choice: by platform weight, then by room and by images that are there already, as the scheduler's own plugins
score them; pods of equal needs are spread over equal nodes by their UID. kube-scheduler still decides between the few,
and its own filters have passed all of them, so a stale view of ours costs quality and never correctness.

Of a large cluster kube-scheduler sends a sample. If none of it can run the pod, but another node can, the pod is
nominated to that one (``elsewhere``), and kube-scheduler looks at it first the next time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from extender.verbs.elsewhere import Elsewhere
from extender.verbs.filter import Filter, FilterAnswer, whole_nodes
from extender.verbs.judging import Judge
from extender.verbs.promises import Promises
from extender.wire.answers import FailedNodes, names_result
from extender.wire.arguments import ExtenderArgs, is_given
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import RowIndexes
from scheduler.cluster.pod_info import PodInfo
from scheduler.plugins.image_platform import ImagePlatform

LEAST_SAMPLE = 100
"""kube-scheduler never stops looking before it has so many nodes (``numFeasibleNodesToFind``): with fewer names it has
looked at all there are, and refused the others itself."""


class Narrowing(Filter):
    """Keeps at most ``max_nodes`` nodes.

    What is left out has no reason, and does not need one: the pod will have a node. Where no more can run the pod than
    may be kept, and where a node is sent that our watch has not shown, it answers as a plain filter.
    """

    def __init__(
        self, cache: Cache, image_platform: ImagePlatform, max_nodes: int, promises: Promises, elsewhere: Elsewhere
    ) -> None:
        super().__init__(Judge(cache, image_platform, elsewhere.scores))
        self._max_nodes = max_nodes
        self._promises = promises
        self._elsewhere = elsewhere

    def __call__(self, args: ExtenderArgs, info: PodInfo, now: float) -> FilterAnswer:
        self._promises.forget(info.uid)
        answer = self._narrowed(args, info)
        if answer.nodes_out or answer.nodes_in < LEAST_SAMPLE:
            return answer
        return replace(answer, nominated=self._elsewhere.nominate(info, now))

    def _narrowed(self, args: ExtenderArgs, info: PodInfo) -> FilterAnswer:
        if is_given(args.node_names):
            rows = self._index.rows(args.node_names)
            best = None if rows is None else self._best(info, rows)
            if rows is None or best is None:
                return self._names(args.node_names, info)
            names = [self._judge.nodes.name(row) for row in rows[best].tolist()]
            return FilterAnswer(names_result(names, FailedNodes()), len(rows), len(names))
        found = [self._judge.nodes.row_of(node.metadata.name) for node in args.nodes]
        known = np.array([row for row in found if row is not None], dtype=np.intp)
        best = self._best(info, known) if len(known) == len(found) else None
        return self._nodes(args, info) if best is None else whole_nodes(args, best, FailedNodes())

    def _best(self, info: PodInfo, rows: RowIndexes) -> list[int] | None:
        """The places of the best rows; None where there is nothing to choose."""
        if len(rows) <= self._max_nodes:
            return None
        keys = self._judge.keys(info)[rows]
        if np.count_nonzero(keys >= 0) <= self._max_nodes:
            return None
        # The seed reaches only the bits that break ties, so the order by score stays; what is negative stays so.
        best: list[int] = np.argpartition(-(keys ^ info.seed), self._max_nodes)[: self._max_nodes].tolist()
        return best
