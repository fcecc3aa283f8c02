"""What is reserved: the nodes that reject a pod beside the nominated pods there, kept between decisions.

Owns the repair: what a row says beside its nominated pods follows from the row and its nominations, so only rows of
which one has changed are asked anew (``what_if``). That is so as long as no plugin that looks beyond single rows has
anything to say; ``follows_from_rows`` tells.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.framework.plan import NARROWED_OUT
from scheduler.framework.plugin import Leaving
from scheduler.framework.pod_evaluation import PodEvaluation
from scheduler.framework.status import Rejection
from scheduler.framework.what_if import WhatIf


class Reserved:
    """For pods of one class and priority."""

    def __init__(self, priority: int, cache: Cache) -> None:
        self.priority = priority
        self._cache = cache
        self._logs = (cache.nodes.facts, cache.nodes.counters, cache.nominations.changes)
        self._seen = [-1 for _ in self._logs]
        self._rejections: dict[int, Rejection] = {}

    def rejections(self, uid: str, evaluation: PodEvaluation, what_if: WhatIf) -> dict[int, Rejection]:
        """By row. Of those that PreFilter left out nothing is said. A copy."""
        rejected_by = evaluation.local.rejected_by
        for row in self._changed_rows():
            self._rejections.pop(row, None)
            if self._cache.nodes.live[row] and rejected_by[row] != NARROWED_OUT:
                self._ask(row, "", what_if, self._rejections)
        self._seen = [log.sequence for log in self._logs]
        found = dict(self._rejections)
        own = self._cache.nominations.node_of(uid)
        own_row = None if own is None else self._cache.nodes.row_of(own)
        if own_row is not None and found.pop(own_row, None) is not None:  # nobody has to leave room for itself
            self._ask(own_row, uid, what_if, found)
        return found

    def _ask(self, row: int, uid: str, what_if: WhatIf, rejections: dict[int, Rejection]) -> None:
        nominated = self._cache.nominations.going_first(self._cache.nodes.name(row), uid, self.priority)
        rejection = what_if.rejection(row, (), nominated) if nominated else None
        if rejection is not None:
            rejections[row] = rejection

    def _changed_rows(self) -> Iterable[int]:
        since = [log.since(seen) for log, seen in zip(self._logs, self._seen, strict=True)]
        known = [rows for rows in since if rows is not None]
        if len(known) == len(since) and min(self._seen) >= 0:
            changed: list[int] = np.unique(np.concatenate(known)).tolist()
            return changed
        self._rejections.clear()
        rows = (self._cache.nodes.row_of(name) for name in self._cache.nominations)
        return [row for row in rows if row is not None]


def follows_from_rows(evaluation: PodEvaluation) -> bool:
    """Whether what filters say of a row follows from that row and what is placed on it, nominated pods included."""
    return all(state.leaving is Leaving.NEVER_MATTERS and state.mask() is None for _, state in evaluation.filters())
