"""Derived columns: what follows from other columns of the same row, computed once per change instead of once per class.

Owns the keeping, not the content: whoever makes one says how it follows. Reading it brings it up to date, which after a
placement means one row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import Rows

if TYPE_CHECKING:
    from scheduler.cluster.node_table import NodeTable

FEW_ROWS = 8
"""Up to so many rows plain Python is faster than arrays."""


class DerivedColumn:
    """int64[row]. ``of_rows`` computes many rows at once, ``of_row`` the same for one."""

    def __init__(
        self, nodes: NodeTable, of_rows: Callable[[Rows], NDArray[np.int64]], of_row: Callable[[int], int]
    ) -> None:
        self._nodes = nodes
        self._of_rows = of_rows
        self._of_row = of_row
        self._values: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._facts = self._counters = -1

    def values(self) -> NDArray[np.int64]:
        """int64[capacity], as of now. Do not write, do not keep."""
        nodes = self._nodes
        if nodes.facts.sequence != self._facts or len(self._values) != nodes.capacity:
            self._values = np.zeros(nodes.capacity, dtype=np.int64)
            self._values[: nodes.size] = self._of_rows(slice(0, nodes.size))
        elif nodes.counters.sequence != self._counters:
            self._follow()
        self._facts, self._counters = nodes.facts.sequence, nodes.counters.sequence
        return self._values

    def _follow(self) -> None:
        """The rows on which something was placed, or from which it was taken."""
        rows = self._nodes.counters.since(self._counters)
        if rows is not None and len(rows) <= FEW_ROWS:
            for row in rows.tolist():
                self._values[row] = self._of_row(row)
            return
        which: Rows = slice(0, self._nodes.size) if rows is None or len(rows) > self._nodes.size else rows
        self._values[which] = self._of_rows(which)
