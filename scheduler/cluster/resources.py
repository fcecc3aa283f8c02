"""Resource columns: what each node can give, what is taken, and the two counters that score against defaults.

Owns the numbering of resource names and the arithmetic of adding and removing one pod. What a pod asks for is worked
out in ``requests``; whether it fits is the plugin NodeResourcesFit's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from scheduler.api.quantity import milli_value, value
from scheduler.cluster.columns import AMOUNT, MAX_AMOUNT, Amounts, Rows, grown
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, PodRequests, is_counted

CPU_COLUMN, MEMORY_COLUMN, EPHEMERAL_STORAGE_COLUMN, PODS_COLUMN = range(4)
_FIRST = (CPU, MEMORY, EPHEMERAL_STORAGE, PODS)

MAX_REMEMBERED = 4096
"""Distinct pod requests whose columns are remembered; past it the memory starts anew."""


class ResourceBlock(NamedTuple):
    """Some rows of all columns: int64[resource, rows] each, to read only."""

    allocatable: Amounts
    requested: Amounts
    scored: Amounts
    offers_all: bool
    """Whether every row has cpu and memory to give, as a rule; then shares need no care."""


class ResourceColumns:
    """Per resource one int64[row] each of ``allocatable``, ``requested`` and ``scored``.

    ``scored`` is what is taken for the purpose of comparing nodes: for cpu and memory a count of its own, in which
    containers that ask for nothing count with a default; for all else the same as ``requested``.

    The pod count is a resource like others, of which every pod takes one. A name that no node has ever offered has no
    column; ``column`` is None for it. Whoever may create pods may make up such names, so what placed pods take of them
    is in ``unoffered``, and goes with the pods.
    """

    def __init__(self, capacity: int) -> None:
        self._table: Amounts = np.zeros((3, 0, capacity), dtype=AMOUNT)
        """int64[allocatable/requested/scored, resource, row]: all in one array, so that rows are gathered at once."""
        self._columns: dict[str, int] = {}
        self._remembered: dict[PodRequests, tuple[tuple[int, int], ...]] = {}
        self._block: tuple[Rows, ResourceBlock] | None = None
        self.unoffered: dict[str, dict[int, int]] = {}
        """By name and row, what placed pods take of resources without a column. To read only."""
        self._ensure(_FIRST)

    def _set_table(self, table: Amounts) -> None:
        self._table = table
        self.allocatable: list[Amounts] = list(table[0])
        self.requested: list[Amounts] = list(table[1])
        self.scored: list[Amounts] = list(table[2])
        self._block = None

    def grow(self, capacity: int) -> None:
        self._set_table(grown(self._table, capacity))

    @property
    def width(self) -> int:
        """How many columns there are. They only become more, and keep their numbers."""
        return len(self._columns)

    def at(self, rows: Rows) -> ResourceBlock:
        """The columns of these rows. Several plugins ask for the same in turn, which costs once."""
        if self._block is not None and self._block[0] is rows:
            return self._block[1]
        table = self._table[:, :, rows] if isinstance(rows, slice) else self._table.take(rows, axis=2)
        first = table[0, : MEMORY_COLUMN + 1]
        block = ResourceBlock(table[0], table[1], table[2], np.count_nonzero(first) == first.size)
        self._block = rows, block
        return block

    def column(self, name: str) -> int | None:
        """The number of a resource's column."""
        return self._columns.get(name)

    def columns(self) -> Iterator[tuple[str, int]]:
        """(name, number) of every resource that has a column."""
        return iter(self._columns.items())

    def set_allocatable(self, row: int, amounts: Mapping[str, str | int | float]) -> bool:
        """Reads ``status.allocatable`` into the row. True if that changed anything. Raises InvalidQuantity."""
        counted = {name: read_amount(name, text) for name, text in amounts.items() if name == PODS or is_counted(name)}
        self._ensure(name for name, amount in counted.items() if amount)
        changed = False
        for name, number in self._columns.items():
            column, amount = self.allocatable[number], counted.get(name, 0)
            if column[row] != amount:
                column[row] = amount
                changed = True
        self._block = None
        return changed

    def add(self, row: int, requests: PodRequests) -> None:
        """Count one pod more on the row."""
        columns = self._columns_of(requests)
        if len(columns) <= len(requests.amounts):
            self._take_unoffered(row, requests, 1)
        for number, amount in columns:
            self.requested[number][row] += amount
            if number > MEMORY_COLUMN:
                self.scored[number][row] += amount
        self.scored[CPU_COLUMN][row] += requests.nonzero_cpu
        self.scored[MEMORY_COLUMN][row] += requests.nonzero_memory
        self._block = None

    def remove(self, row: int, requests: PodRequests) -> None:
        """The reverse of ``add`` with the same requests."""
        columns = self._columns_of(requests)
        if len(columns) <= len(requests.amounts):
            self._take_unoffered(row, requests, -1)
        for number, amount in columns:
            self.requested[number][row] -= amount
            if number > MEMORY_COLUMN:
                self.scored[number][row] -= amount
        self.scored[CPU_COLUMN][row] -= requests.nonzero_cpu
        self.scored[MEMORY_COLUMN][row] -= requests.nonzero_memory
        self._block = None

    def clear(self, row: int) -> None:
        """For a row that is given back: its next node starts from zero."""
        self._table[:, :, row] = 0
        for name in list(self.unoffered):
            self._put_unoffered(name, row, 0)
        self._block = None

    def _columns_of(self, requests: PodRequests) -> tuple[tuple[int, int], ...]:
        """(column, amount) of what the pod takes, itself included, as far as there are columns."""
        known = self._remembered.get(requests)
        if known is not None:
            return known
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        amounts = tuple((self._columns[name], amount) for name, amount in requests.amounts if name in self._columns)
        self._remembered[requests] = found = ((PODS_COLUMN, 1), *amounts)
        return found

    def _take_unoffered(self, row: int, requests: PodRequests, times: int) -> None:
        for name, amount in requests.amounts:
            if name not in self._columns:
                taken = self.unoffered.get(name, {}).get(row, 0)
                self._put_unoffered(name, row, taken + times * amount)

    def _put_unoffered(self, name: str, row: int, amount: int) -> None:
        taken = self.unoffered.setdefault(name, {})
        taken[row] = amount
        if not amount:
            del taken[row]
        if not taken:
            del self.unoffered[name]

    def _ensure(self, names: Iterable[str]) -> None:
        """Give each name a column, with what is taken of it already."""
        new = [name for name in dict.fromkeys(names) if name not in self._columns]
        if not new:
            return
        self._columns |= {name: len(self._columns) + i for i, name in enumerate(new)}
        self._set_table(np.pad(self._table, ((0, 0), (0, len(new)), (0, 0))))
        self._remembered.clear()
        for name in new:
            for row, amount in self.unoffered.pop(name, {}).items():
                self.requested[self._columns[name]][row] = self.scored[self._columns[name]][row] = amount


def read_amount(name: str, text: str | int | float) -> int:
    """A quantity as the columns count it: cpu in thousandths, all else in whole units. Raises InvalidQuantity."""
    return min(milli_value(text) if name == CPU else value(text), MAX_AMOUNT)
