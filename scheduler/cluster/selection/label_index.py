"""An index of selectors: which of many may select a given set of labels, without asking each.

Owns the trick: nearly every selector names at least one label with its value, and stands in the index under that. Only
the others have to be asked always. Whether a candidate really selects the labels is for the caller to see.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from scheduler.api.requirement import Requirement

T = TypeVar("T", bound=Hashable)


class LabelIndex(Generic[T]):
    """Items, each with the requirements of its selector. Iteration follows the order in which they were added."""

    def __init__(self) -> None:
        self._by_label: dict[tuple[str, str], dict[T, None]] = {}
        self._others: dict[T, None] = {}

    def add(self, item: T, requirements: Iterable[Requirement]) -> None:
        for label in _labels(requirements) or (None,):
            self._bucket(label)[item] = None

    def discard(self, item: T, requirements: Iterable[Requirement]) -> None:
        """The reverse of ``add`` with the same requirements."""
        for label in _labels(requirements) or (None,):
            bucket = self._bucket(label)
            bucket.pop(item, None)
            if label is not None and not bucket:
                del self._by_label[label]

    def candidates(self, labels: Mapping[str, str]) -> Iterator[T]:
        """The items that may select these labels, each once."""
        yield from self._others
        for label in labels.items():
            yield from self._by_label.get(label, ())

    def _bucket(self, label: tuple[str, str] | None) -> dict[T, None]:
        return self._others if label is None else self._by_label.setdefault(label, {})


def _labels(requirements: Iterable[Requirement]) -> list[tuple[str, str]]:
    """The labels of which one must be there, by the first requirement that says so; empty if none does."""
    for requirement in requirements:
        if requirement.operator == "In":
            return [(requirement.key, value) for value in sorted(requirement.values)]
    return []
