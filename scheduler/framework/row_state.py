"""A plugin's answers that follow from each row alone, as long as some objects that are no nodes stay as they are.

Owns the array of verdicts and its repair: all rows anew when those objects changed (``revision``), else only the rows
that the node table's logs name. Plugins about storage work like this: claims and volumes decide about every node, a
node's labels and what is placed on it decide about that node.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import ID, Ids, Mask, RowIndexes, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.framework.plugin import PluginState
from scheduler.framework.status import Code, Rejection

FITS = 0
"""The verdict about a row that nothing is to be said against."""

REPAIRABLE = 4
"""Repair when less than one in so many rows changed."""


class RowState(PluginState):
    """Verdicts are numbers: FITS, or what ``number`` gave for a rejection."""

    looks_at_pods: ClassVar[bool] = False
    """Whether a row's verdict also depends on what is placed on it."""
    judges_more: ClassVar[bool] = False
    """Whether ``judge`` also works out something that the verdicts do not tell."""

    def __init__(self, nodes: NodeTable) -> None:
        self._nodes = nodes
        self._verdicts: Ids = np.zeros(0, dtype=ID)
        self._rejections: list[Rejection] = []
        self._numbers: dict[Rejection, int] = {}
        self._revision: Hashable = self  # equal to no revision
        self._facts_seen = self._counters_seen = 0

    # What a plugin says

    @abstractmethod
    def revision(self) -> Hashable:
        """A value that differs when anything apart from the rows differs. Asked before every decision."""

    @abstractmethod
    def prepare(self) -> Rejection | None:
        """Work out what depends on the revision only. Returns PreFilter's "no" to the pod; then no row is judged."""

    @abstractmethod
    def judge(self, rows: Rows) -> Ids:
        """int32[rows]: the verdict about each. Rows that hold no node may get any."""

    def number(self, rejection: Rejection) -> int:
        """The verdict that stands for a rejection."""
        found = self._numbers.get(rejection)
        if found is None:
            self._rejections.append(rejection)
            found = self._numbers[rejection] = len(self._rejections)
        return found

    # What the framework asks

    def refresh(self) -> bool:
        revision, nodes = self.revision(), self._nodes
        if revision != self._revision or len(self._verdicts) < nodes.size:
            self._start_anew()
            changed = True
        elif self._is_behind():
            changed = self._repair()
        else:
            return False
        self._revision = revision
        self._facts_seen, self._counters_seen = nodes.facts.sequence, nodes.counters.sequence
        return changed

    def close(self) -> None:
        """Nothing was registered."""

    @property
    def fails(self) -> bool:
        return any(rejection.code is Code.ERROR for rejection in self._rejections)

    def mask(self) -> Mask | None:
        verdicts = self._verdicts[: self._nodes.size]
        mask: NDArray[np.bool_] = verdicts == FITS
        return None if mask.all() else mask

    def explain(self, rows: RowIndexes) -> tuple[Ids, Sequence[Rejection]]:
        return self._verdicts[rows] - 1, self._rejections

    # Private

    def _start_anew(self) -> None:
        nodes = self._nodes
        self._rejections.clear()
        self._numbers.clear()
        self._verdicts = np.zeros(nodes.capacity, dtype=ID)
        self.rejection = self.prepare()
        if self.rejection is None:
            self._verdicts[: nodes.size] = self.judge(slice(0, nodes.size))

    def _is_behind(self) -> bool:
        nodes = self._nodes
        return self._facts_seen != nodes.facts.sequence or (
            self.looks_at_pods and self._counters_seen != nodes.counters.sequence
        )

    def _repair(self) -> bool:
        """Judge the rows anew that have changed. True if that made a difference."""
        if self.rejection is not None:
            return False
        rows = self._changed_rows()
        before = self._verdicts[rows].copy()
        self._verdicts[rows] = self.judge(rows)
        return self.judges_more or not np.array_equal(before, self._verdicts[rows])

    def _changed_rows(self) -> Rows:
        nodes = self._nodes
        logs = [(nodes.facts, self._facts_seen)]
        if self.looks_at_pods:
            logs.append((nodes.counters, self._counters_seen))
        rows: list[RowIndexes] = []
        for log, seen in logs:
            since = log.since(seen)
            if since is None or len(since) * REPAIRABLE > nodes.size:
                return slice(0, nodes.size)
            rows.append(since)
        return np.unique(np.concatenate(rows))


def fits(rows: Rows) -> Ids:
    """The verdicts when nothing is to be said against any of the rows."""
    return np.full(count(rows), FITS, dtype=ID)
