"""Domains: the sums of a tally over all nodes that have the same value of a label, such as a zone or a host.

Owns the sums and their repair. After a placement one row has changed: its part is taken from one sum and added to
another, instead of summing up all nodes anew.

Domains are numbered by the ids of the label's values (``labels.LabelColumn``). Arrays over domains have one place more
than there are ids, the last, for nodes that lack the label: their domain is -1, which indexes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import ID, Ids, Mask, RowIndexes
from scheduler.cluster.labels import LabelColumn
from scheduler.cluster.node_table import NodeTable

if TYPE_CHECKING:
    from scheduler.cluster.selection.tally import Tally

NOWHERE = -1
"""The domain of a row without the label, or without a node."""

FEW_ROWS = 32
"""Up to so many changed rows are repaired singly."""


class DomainCounts:
    """``refresh`` first; then ``sums``, ``members`` and ``domain`` are as of now."""

    def __init__(self, topology_key: str, tally: Tally, nodes: NodeTable) -> None:
        self.topology_key = topology_key
        self.sums: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        """Per domain, the pods on its included rows. The last place, of no domain, is always 0."""
        self.members: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        """Per domain, its included rows."""
        self.version = 0
        """Rises whenever any of this may have changed."""
        self._tally = tally
        self._nodes = nodes
        self._column: LabelColumn | None = None
        self._domain: Ids = np.zeros(0, dtype=ID)
        self._counted_in: Ids = self._domain
        self._counted: Ids = self._domain
        self._facts = self._counters = self._tally_version = self._epoch = -1

    @property
    def domain(self) -> Ids:
        """int32[size]: of every row, included or not. A view: do not write, do not keep."""
        return self._domain[: self._nodes.size]

    def refresh(self, included: Mask | None = None) -> bool:
        """Bring everything up to date. True if anything changed.

        ``included``: bool[size], the rows that count; None for all. It may differ from the last one only on rows that
        the node table's log ``facts`` names since.
        """
        nodes, tally = self._nodes, self._tally
        if nodes.facts.sequence == self._facts and tally.version == self._tally_version:
            self._counters = nodes.counters.sequence
            return False
        column = nodes.labels.column(self.topology_key)
        if not self._is_repaired(column, included):
            self._recount(column, included)
        self._facts, self._counters = nodes.facts.sequence, nodes.counters.sequence
        self._tally_version, self._epoch = tally.version, tally.epoch
        self.version += 1
        return True

    def _is_repaired(self, column: LabelColumn | None, included: Mask | None) -> bool:
        if column is not self._column or self._tally.epoch != self._epoch:
            return False
        rows = self._changed_rows()
        return rows is not None and (column is None or self._repair(column, rows, included))

    def _changed_rows(self) -> RowIndexes | None:
        """The rows that may have changed; None if they are not known or too many."""
        nodes = self._nodes
        counters = nodes.counters.since(self._counters)
        facts = nodes.facts.since(self._facts)
        if counters is None or facts is None or len(self._counted) < nodes.size:
            return None
        if len(counters) > 2:  # most are rows of other pods
            counters = counters[self._tally.counts(nodes.size)[counters] != self._counted[counters]]
        if len(facts) + len(counters) > FEW_ROWS:
            return None
        return np.concatenate((facts, counters)) if len(facts) else counters

    def _recount(self, column: LabelColumn | None, included: Mask | None) -> None:
        nodes = self._nodes
        size = nodes.size
        self._column = column
        self._counted = self._tally.counts(size).copy()
        if column is None:
            self._domain = np.full(size, NOWHERE, dtype=ID)
            domains = 0
        else:
            self._domain = column.ids[:size].copy()
            self._domain[~nodes.live[:size]] = NOWHERE
            absent = column.values.id_of(None)
            if absent is not None:
                self._domain[self._domain == absent] = NOWHERE
            domains = column.values.capacity
        self._counted_in = self._domain.copy()
        if included is not None:
            self._counted_in[~included] = NOWHERE
        places = self._counted_in.astype(np.intp)
        places[places == NOWHERE] = domains
        self.members = np.bincount(places, minlength=domains + 1)
        self.sums = np.bincount(places, weights=self._counted, minlength=domains + 1).astype(np.int64)
        self.members[domains] = self.sums[domains] = 0

    def _repair(self, column: LabelColumn, rows: RowIndexes, included: Mask | None) -> bool:
        """Move the part of each row from where it was counted to where it belongs. False if a domain is new."""
        live, counts = self._nodes.live, self._tally.counts(self._nodes.size)
        absent = column.values.id_of(None)
        for row in rows.tolist():
            domain = column.ids.item(row) if live.item(row) else absent
            domain = NOWHERE if domain == absent or domain is None else domain
            if domain >= len(self.sums) - 1:
                return False
            place = domain if included is None or included.item(row) else NOWHERE
            count, old = counts.item(row), self._counted_in.item(row)
            if old != NOWHERE:
                self.sums[old] -= self._counted.item(row)
                self.members[old] -= 1
            if place != NOWHERE:
                self.sums[place] += count
                self.members[place] += 1
            self._domain[row], self._counted_in[row], self._counted[row] = domain, place, count
        return True
