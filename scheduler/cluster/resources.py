"""Resource columns: what each node can give, what is taken, and the two counters that score against defaults.

Owns the numbering of resource names and the arithmetic of adding and removing one pod. What a pod asks for is worked
out in ``requests``; whether it fits is the plugin NodeResourcesFit's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from scheduler.api.quantity import milli_value, value
from scheduler.cluster.columns import AMOUNT, MAX_AMOUNT, Amounts, grown
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, PodRequests, is_counted

CPU_COLUMN, MEMORY_COLUMN, EPHEMERAL_STORAGE_COLUMN, PODS_COLUMN = range(4)
_FIRST = (CPU, MEMORY, EPHEMERAL_STORAGE, PODS)

MAX_VECTORS = 4096
"""Distinct pod requests whose vectors are remembered; past it the memory starts anew."""


class ResourceColumns:
    """``allocatable`` and ``requested``: int64[resource, row]; ``nonzero``: int64[2, row], cpu and memory.

    The pod count is a resource like others, of which every pod takes one. A name that neither a node offers nor a
    placed pod takes has no column; ``column`` is None for it.
    """

    def __init__(self, capacity: int) -> None:
        self.names = list(_FIRST)
        self.allocatable: Amounts = np.zeros((len(_FIRST), capacity), dtype=AMOUNT)
        self.requested: Amounts = np.zeros((len(_FIRST), capacity), dtype=AMOUNT)
        self.nonzero: Amounts = np.zeros((2, capacity), dtype=AMOUNT)
        self._columns = {name: number for number, name in enumerate(_FIRST)}
        self._vectors: dict[PodRequests, tuple[Amounts, Amounts]] = {}

    def grow(self, capacity: int) -> None:
        self.allocatable = grown(self.allocatable, capacity)
        self.requested = grown(self.requested, capacity)
        self.nonzero = grown(self.nonzero, capacity)

    def column(self, name: str) -> int | None:
        """The number of a resource's column."""
        return self._columns.get(name)

    def set_allocatable(self, row: int, amounts: Mapping[str, str | int | float]) -> bool:
        """Reads ``status.allocatable`` into the row. True if that changed anything. Raises InvalidQuantity."""
        counted = {name: read_amount(name, text) for name, text in amounts.items() if name == PODS or is_counted(name)}
        self._ensure(name for name, amount in counted.items() if amount)
        vector = np.array([counted.get(name, 0) for name in self.names], dtype=AMOUNT)
        if np.array_equal(vector, self.allocatable[:, row]):
            return False
        self.allocatable[:, row] = vector
        return True

    def add(self, row: int, requests: PodRequests) -> None:
        """Count one pod more on the row."""
        vector, nonzero = self._vector(requests)
        self.requested[:, row] += vector
        self.nonzero[:, row] += nonzero

    def remove(self, row: int, requests: PodRequests) -> None:
        """The reverse of ``add`` with the same requests."""
        vector, nonzero = self._vector(requests)
        self.requested[:, row] -= vector
        self.nonzero[:, row] -= nonzero

    def clear(self, row: int) -> None:
        """For a row that is given back: its next node starts from zero."""
        self.allocatable[:, row] = 0
        self.requested[:, row] = 0
        self.nonzero[:, row] = 0

    def _vector(self, requests: PodRequests) -> tuple[Amounts, Amounts]:
        known = self._vectors.get(requests)
        if known is not None:
            return known
        self._ensure(name for name, _ in requests.amounts)
        if len(self._vectors) >= MAX_VECTORS:
            self._vectors.clear()
        vector = np.zeros(len(self.names), dtype=AMOUNT)
        vector[PODS_COLUMN] = 1
        for name, amount in requests.amounts:
            vector[self._columns[name]] = amount
        nonzero = np.array([requests.nonzero_cpu, requests.nonzero_memory], dtype=AMOUNT)
        self._vectors[requests] = vector, nonzero
        return vector, nonzero

    def _ensure(self, names: Iterable[str]) -> None:
        """Give each name a column. Remembered vectors are as long as the columns were many, so they go."""
        missing = [name for name in names if name not in self._columns]
        if not missing:
            return
        for name in missing:
            self._columns[name] = len(self.names)
            self.names.append(name)
        extra = np.zeros((len(missing), self.allocatable.shape[1]), dtype=AMOUNT)
        self.allocatable = np.concatenate((self.allocatable, extra))
        self.requested = np.concatenate((self.requested, extra))
        self._vectors.clear()


def read_amount(name: str, text: str | int | float) -> int:
    """A quantity as the columns count it: cpu in thousandths, all else in whole units. Raises InvalidQuantity."""
    return min(milli_value(text) if name == CPU else value(text), MAX_AMOUNT)
