"""Label columns: for each label key that some pod asks about, the value that every node has, as a small number.

Owns when a column exists: from the first question about a key that at least one node carries until no node carries it.
Keys that nobody asks about cost nothing but a count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from scheduler.api.requirement import Requirement
from scheduler.cluster.columns import ID, Ids, Mask, Rows, count, grown
from scheduler.cluster.interning import Interner

Labels = Mapping[str, str]


class LabelColumn:
    """One key: int32[row]. Nodes without the label hold the id of None."""

    def __init__(self, capacity: int) -> None:
        self.ids: Ids = np.zeros(capacity, dtype=ID)
        self.values: Interner[str | None] = Interner()

    def matching(self, requirement: Requirement, rows: Rows) -> Mask:
        """Which of the rows satisfy the requirement."""
        ids = self.ids[rows]
        if requirement.operator in {"In", "NotIn"}:  # a look-up per listed value, however many values nodes have
            listed = [i for i in map(self.values.id_of, requirement.values) if i is not None]
            return np.isin(ids, listed, invert=requirement.operator == "NotIn")
        return self.values.gather(requirement.matches, ids, np.bool_)


class LabelColumns:
    """``nodes`` iterates (row, labels) of the living; it is asked when a column is made."""

    def __init__(self, capacity: int, nodes: Callable[[], Iterator[tuple[int, Labels]]]) -> None:
        self._capacity = capacity
        self._nodes = nodes
        self._columns: dict[str, LabelColumn] = {}
        self._carriers: Counter[str] = Counter()

    def matching(self, requirement: Requirement, rows: Rows) -> Mask:
        """Which of the rows satisfy the requirement."""
        column = self.column(requirement.key)
        if column is None:
            return np.full(count(rows), requirement.matches(None))
        return column.matching(requirement, rows)

    def column(self, key: str) -> LabelColumn | None:
        """The column of a key; None while no node carries it. Not to be kept: it goes with the last carrier."""
        column = self._columns.get(key)
        if column is None and key in self._carriers:
            column = self._columns[key] = LabelColumn(self._capacity)
            for row, labels in self._nodes():
                column.ids[row] = column.values.acquire(labels.get(key))
        return column

    def keys(self) -> Iterator[str]:
        """The keys that have a column now."""
        return iter(self._columns)

    def grow(self, capacity: int) -> None:
        self._capacity = capacity
        for column in self._columns.values():
            column.ids = grown(column.ids, capacity)

    def put(self, row: int, old: Labels | None, new: Labels | None) -> None:
        """A node's labels changed; None for a node that was not there, or is gone."""
        for key in (new or {}).keys() - (old or {}).keys():
            self._carriers[key] += 1
        for key in (old or {}).keys() - (new or {}).keys():
            self._carriers[key] -= 1
            if not self._carriers[key]:
                del self._carriers[key]
                self._columns.pop(key, None)
        for key, column in self._columns.items():
            before = column.ids[row]
            if new is not None:  # before the release, so that a value that stays keeps its id
                column.ids[row] = column.values.acquire(new.get(key))
            if old is not None:
                column.values.release(int(before))
