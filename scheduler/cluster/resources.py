"""Resource columns: what each node can give, what is taken, and the two counters that score against defaults.

Owns the numbering of resource names and the arithmetic of adding and removing one pod. What a pod asks for is worked
out in ``requests``; whether it fits is the plugin NodeResourcesFit's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from scheduler.api.quantity import milli_value, value
from scheduler.cluster.columns import AMOUNT, MAX_AMOUNT, Amounts, grown
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, PodRequests, is_counted

CPU_COLUMN, MEMORY_COLUMN, EPHEMERAL_STORAGE_COLUMN, PODS_COLUMN = range(4)
_FIRST = (CPU, MEMORY, EPHEMERAL_STORAGE, PODS)

MAX_REMEMBERED = 4096
"""Distinct pod requests whose columns are remembered; past it the memory starts anew."""


class ResourceColumns:
    """Per resource one int64[row] each of ``allocatable``, ``requested`` and ``scored``.

    ``scored`` is what is taken for the purpose of comparing nodes: for cpu and memory a count of its own, in which
    containers that ask for nothing count with a default; for all else it is ``requested``, the same array.

    The pod count is a resource like others, of which every pod takes one. A name that neither a node offers nor a
    placed pod takes has no column; ``column`` is None for it.
    """

    def __init__(self, capacity: int) -> None:
        self.allocatable: list[Amounts] = []
        self.requested: list[Amounts] = []
        self.scored: list[Amounts] = []
        self._capacity = capacity
        self._columns: dict[str, int] = {}
        self._remembered: dict[PodRequests, tuple[tuple[int, int], ...]] = {}
        self._ensure(_FIRST)

    def grow(self, capacity: int) -> None:
        self._capacity = capacity
        self.allocatable = [grown(column, capacity) for column in self.allocatable]
        self.requested = [grown(column, capacity) for column in self.requested]
        defaulted = [grown(self.scored[number], capacity) for number in (CPU_COLUMN, MEMORY_COLUMN)]
        self.scored = defaulted + self.requested[len(defaulted) :]

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
        return changed

    def add(self, row: int, requests: PodRequests) -> None:
        """Count one pod more on the row."""
        for number, amount in self._columns_of(requests):
            self.requested[number][row] += amount
        self.scored[CPU_COLUMN][row] += requests.nonzero_cpu
        self.scored[MEMORY_COLUMN][row] += requests.nonzero_memory

    def remove(self, row: int, requests: PodRequests) -> None:
        """The reverse of ``add`` with the same requests."""
        for number, amount in self._columns_of(requests):
            self.requested[number][row] -= amount
        self.scored[CPU_COLUMN][row] -= requests.nonzero_cpu
        self.scored[MEMORY_COLUMN][row] -= requests.nonzero_memory

    def clear(self, row: int) -> None:
        """For a row that is given back: its next node starts from zero."""
        for column in (*self.allocatable, *self.scored, *self.requested):
            column[row] = 0

    def _columns_of(self, requests: PodRequests) -> tuple[tuple[int, int], ...]:
        """(column, amount) of what the pod takes, itself included."""
        known = self._remembered.get(requests)
        if known is not None:
            return known
        self._ensure(name for name, _ in requests.amounts)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        amounts = tuple((self._columns[name], amount) for name, amount in requests.amounts)
        self._remembered[requests] = found = ((PODS_COLUMN, 1), *amounts)
        return found

    def _ensure(self, names: Iterable[str]) -> None:
        """Give each name a column."""
        for name in names:
            if name in self._columns:
                continue
            number = self._columns[name] = len(self.allocatable)
            self.allocatable.append(np.zeros(self._capacity, dtype=AMOUNT))
            self.requested.append(np.zeros(self._capacity, dtype=AMOUNT))
            has_default = number in {CPU_COLUMN, MEMORY_COLUMN}
            self.scored.append(np.zeros(self._capacity, dtype=AMOUNT) if has_default else self.requested[number])


def read_amount(name: str, text: str | int | float) -> int:
    """A quantity as the columns count it: cpu in thousandths, all else in whole units. Raises InvalidQuantity."""
    return min(milli_value(text) if name == CPU else value(text), MAX_AMOUNT)
