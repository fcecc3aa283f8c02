"""The element types of all columns, in one place, each with what follows from it; and how columns grow.

A *row* is a node's place in every column. Rows are handed out by ``node_table``, reused after a node has gone, and
never move while a node lives.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S", bound=np.generic)

AMOUNT = np.int64
"""Resources: thousandths of a CPU, bytes, pieces. kube-scheduler counts in int64 too, so integer scores agree."""

ID = np.int32
"""Interned values (taint sets, platforms, label values). Two thousand million distinct values are enough."""

HASH = np.int64
"""Of node names, ``HASH_BITS`` wide: a score and a hash share one int64 (see ``framework.evaluation``)."""

HASH_BITS = 39
HASH_MASK = (1 << HASH_BITS) - 1

MAX_AMOUNT = 2**53
"""No single amount counts for more (8 PiB): below it float64 is exact, and a hundred times it fits an int64."""

Amounts = NDArray[np.int64]
Ids = NDArray[np.int32]
Mask = NDArray[np.bool_]
RowIndexes = NDArray[np.intp]

Rows = slice | RowIndexes
"""Which rows to look at: a slice for all of them (a view, no copy), an index array for a few."""

MIN_CAPACITY = 64


def doubled(capacity: int, needed: int) -> int:
    """The next capacity that holds ``needed`` rows. Doubling keeps the cost of growing constant per node."""
    capacity = max(capacity, MIN_CAPACITY)
    while capacity < needed:
        capacity *= 2
    return capacity


def grown(column: NDArray[S], capacity: int) -> NDArray[S]:
    """A copy whose last axis is ``capacity`` long; new rows are zero."""
    wider = np.zeros((*column.shape[:-1], capacity), dtype=column.dtype)
    wider[..., : column.shape[-1]] = column
    return wider


def indexes(rows: Rows) -> RowIndexes:
    """The rows as an index array."""
    return np.arange(rows.start or 0, rows.stop, dtype=np.intp) if isinstance(rows, slice) else rows


def count(rows: Rows) -> int:
    """How many rows are meant."""
    return rows.stop - (rows.start or 0) if isinstance(rows, slice) else len(rows)
