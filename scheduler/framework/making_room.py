"""Where room can be made for a pod with the least harm: all nodes at once where that is possible, else one by one.

Owns which node is dry-run how. Where only filters that add up decide (``dry_run``), that is known for all rows at once.
Rows are tried one by one (``preemption``) where another filter says no that evictions may change, where it may say no
because of evictions, or where it has not seen a nominated pod; the most promising first, until the rest cannot be as
good. The answer is the same as if all were tried one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Mask, RowIndexes
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.dry_run import DryRun
from scheduler.framework.plan import NARROWED_OUT, PASSED, counter_filters
from scheduler.framework.plugin import AdditiveFilter, Leaving
from scheduler.framework.pod_evaluation import PodEvaluation
from scheduler.framework.post_filter import Candidate, Trials
from scheduler.framework.preemption import NO_VICTIMS, best, hurt, try_node
from scheduler.framework.status import Rejection
from scheduler.framework.what_if import WhatIf


class RoomSearch:
    """For one pod, on these rows, none of which takes the pod as it is. The evaluation and the dry run are fresh."""

    def __init__(
        self, info: PodInfo, evaluation: PodEvaluation, cache: Cache, rows: RowIndexes, dry_run: DryRun
    ) -> None:
        self._info = info
        self._evaluation = evaluation
        self._cache = cache
        self._rows = rows
        self._dry_run = dry_run
        self._what_if = WhatIf(info, evaluation, cache)
        self._hopeless, self._singly = self._sorted()

    def chosen(self) -> Candidate | None:
        """Where it hurts least, by name among equals; None if no room can be made anywhere."""
        fits, is_own = self._dry_run.fits[self._rows], self._is_own()
        found = [self._try(row) for row in self._rows[is_own].tolist()]
        at_once = self._rows[fits & ~self._hopeless & ~self._singly]
        if len(at_once):
            least = self._dry_run.least(at_once).tolist()
            found.append(self._dry_run.candidate(min(least, key=self._cache.nodes.name)))
        candidates = [each for each in found if isinstance(each, Candidate)]
        candidates += self._singly_tried(self._rows[fits & self._singly & ~is_own], best(candidates))
        return min(best(candidates), key=lambda candidate: candidate.node, default=None)

    def reasons(self) -> Counter[str]:
        """On how many rows what stands against making room, if there is no candidate."""
        rows = self._rows
        has_victims = self._dry_run.has_victims[rows]
        reasons: Counter[str] = Counter()
        reasons[NO_VICTIMS.reasons[0]] = int(np.count_nonzero(~has_victims))
        alike = has_victims & ~self._hopeless & ~self._singly
        for row, number in self._examples(rows[alike]):
            reasons.update(dict.fromkeys(self._rejection(row).reasons, number))
        for row in rows[has_victims & ~alike].tolist():
            reasons.update(self._rejection(row).reasons)
        return +reasons

    def trials(self) -> Trials:
        """What was found on every row, one by one."""
        found = {self._cache.nodes.name(row): self._try(row) for row in self._rows.tolist()}
        candidates = tuple(each for each in found.values() if isinstance(each, Candidate))
        return Trials(
            candidates,
            tuple(sorted(candidate.node for candidate in best(candidates))),
            {name: each for name, each in found.items() if isinstance(each, Rejection)},
        )

    # Private

    def _singly_tried(self, rows: RowIndexes, known: Sequence[Candidate]) -> Iterator[Candidate]:
        """Candidates among these rows, of which those are left out that cannot be as good as the best so far."""
        if not len(rows):
            return
        bounds = self._dry_run.bounds(rows)
        least = hurt(known[0]) if known else None
        for where in np.lexsort(bounds[::-1]).tolist():
            if least is not None and tuple(bounds[:, where].tolist()) > least:
                return
            found = self._try(int(rows[where]))
            if isinstance(found, Candidate):
                least = min(least or hurt(found), hurt(found))
                yield found

    def _try(self, row: int) -> Candidate | Rejection:
        return try_node(row, self._info, self._cache, self._what_if)

    def _rejection(self, row: int) -> Rejection:
        found = self._try(row)
        if isinstance(found, Candidate):
            raise TypeError(f"room can be made on {found.node} after all")
        return found

    def _sorted(self) -> tuple[Mask, Mask]:
        """bool[rows] twice: where evictions cannot help, and which rows have to be tried one by one."""
        rows, evaluation = self._rows, self._evaluation
        local, nodes = evaluation.local, self._cache.nodes
        by_facts = local.rejected_by[rows]
        hopeless = (by_facts != PASSED) & (by_facts != NARROWED_OUT)
        singly = (by_facts == NARROWED_OUT) | self._is_own()
        others = False
        for _, plugin in counter_filters(evaluation.plan):
            if not isinstance(plugin, AdditiveFilter):
                others = True
                singly |= ~plugin.filter(local.pod_class, nodes, rows)
        for _, state in evaluation.filters():
            mask, leaving = state.mask(), state.leaving
            if leaving is Leaving.NEVER_MATTERS:
                hopeless |= False if mask is None else ~mask[rows]
                continue
            others = True
            singly |= leaving is Leaving.MAY_HURT if mask is None else ~mask[rows] | (leaving is Leaving.MAY_HURT)
        if others:
            singly |= self._is_nominated_to()
        return hopeless, singly & ~hopeless

    def _is_own(self) -> Mask:
        """bool[rows]: the row to which the pod itself is nominated."""
        own = self._cache.nominations.node_of(self._info.uid)
        row = None if own is None else self._cache.nodes.row_of(own)
        is_own: Mask = self._rows == (-1 if row is None else row)
        return is_own

    def _is_nominated_to(self) -> Mask:
        """bool[rows]: those to which any pod is nominated."""
        rows = [row for name in self._cache.nominations if (row := self._cache.nodes.row_of(name)) is not None]
        return np.isin(self._rows, rows)

    def _examples(self, rows: RowIndexes) -> list[tuple[int, int]]:
        """(row, how many) of those that are short of the same."""
        if not len(rows):
            return []
        short = self._dry_run.short[:, rows]
        _, examples, numbers = np.unique(short, axis=1, return_index=True, return_counts=True)
        return list(zip(rows[examples].tolist(), numbers.tolist(), strict=True))
