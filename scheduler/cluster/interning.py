"""Small numbers for distinct values, so that a rule is evaluated once per value and gathered per node.

Owns the numbering and the reference counts: a value that no row holds any more gives its number back, so that years of
nodes coming and going do not fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import Ids, S

V = TypeVar("V", bound=Hashable)


class Interner(Generic[V]):
    """value <-> id, ids from 0. An id is valid while its value was acquired more often than released."""

    def __init__(self) -> None:
        self._ids: dict[V, int] = {}
        self._values: dict[int, V] = {}
        self._uses: list[int] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """How many distinct values are held now."""
        return len(self._values)

    @property
    def capacity(self) -> int:
        """No id is as great as this."""
        return len(self._uses)

    def acquire(self, value: V) -> int:
        """The value's id, one use more."""
        number = self._ids.get(value)
        if number is None:
            number = self._new_number()
            self._ids[value] = number
            self._values[number] = value
        self._uses[number] += 1
        return number

    def release(self, number: int) -> None:
        """One use less; without any the value is forgotten and its id is given to another."""
        self._uses[number] -= 1
        if not self._uses[number]:
            del self._ids[self._values.pop(number)]
            self._free.append(number)

    def value(self, number: int) -> V:
        """The value of an id in use. Raises KeyError for any other."""
        return self._values[number]

    def id_of(self, value: V) -> int | None:
        """The id of a value that is held, without acquiring it."""
        return self._ids.get(value)

    def gather(self, verdict: Callable[[V], int | bool], ids: Ids, dtype: type[S]) -> NDArray[S]:
        """``verdict`` of each row's value, called once per distinct value: ``dtype``, shaped like ``ids``."""
        table = np.zeros(len(self._uses) or 1, dtype=dtype)
        few = len(ids) < len(self._values)
        for number in set(ids.tolist()) if few else self._values:
            if number in self._values:  # a row that is free may still carry the id it last had
                table[number] = verdict(self._values[number])
        return table[ids]

    def _new_number(self) -> int:
        if self._free:
            return self._free.pop()
        self._uses.append(0)
        return len(self._uses) - 1
