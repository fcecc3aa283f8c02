"""A tally: how many of some pods are on each row, and a number that tells readers of a change.

Owns one column. It grows with the node table when it is written to or read; what is past its end is zero.
"""

from __future__ import annotations

from weakref import ref

import numpy as np

from scheduler.cluster.columns import ID, MIN_CAPACITY, Ids, doubled, grown
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.selection.domains import DomainCounts


class Tally:
    """Whoever counts here touches the row in the node table's log ``counters`` as well."""

    __slots__ = ("_counts", "_domains", "epoch", "total", "version")

    def __init__(self) -> None:
        self.total = 0
        self.version = 0
        """Rises with every change."""
        self.epoch = 0
        """Rises when rows changed that are not in the log."""
        self._counts: Ids = np.zeros(MIN_CAPACITY, dtype=ID)
        self._domains: dict[str, ref[DomainCounts]] = {}

    def add(self, row: int, pods: int) -> None:
        """``pods`` more (or fewer, if negative) are on the row."""
        if row >= len(self._counts):
            self._counts = grown(self._counts, doubled(len(self._counts), row + 1))
        self._counts[row] += pods
        self.total += pods
        self.version += 1

    def counts(self, size: int) -> Ids:
        """int32[size]. A view: do not write, do not keep."""
        if size > len(self._counts):
            self._counts = grown(self._counts, doubled(len(self._counts), size))
        return self._counts[:size]

    def by(self, topology_key: str, nodes: NodeTable) -> DomainCounts:
        """The sums over all nodes per value of a label, shared by all who hold them. To be refreshed before use.

        They hold the tally, which only refers to them: in a circle neither would go when nobody needs them any more.
        """
        known = self._domains.get(topology_key)
        found = None if known is None else known()
        if found is None:
            found = DomainCounts(topology_key, self, nodes)
            self._domains[topology_key] = ref(found)
        return found
