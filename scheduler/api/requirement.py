"""One requirement on one label: the atom of node selectors and label selectors alike.

Owns what an operator means for a value that is there or not. What may be written, and what is no sense at all, is
decided in ``selectors``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_MIN_INT64, _MAX_INT64 = -(2**63), 2**63 - 1
_MAX_DIGITS = 19  # of an int64; Python refuses to read far longer numbers at all


@dataclass(frozen=True, slots=True)
class Requirement:
    """One checked requirement on the label (or field) ``key``."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()
    bound: int = 0
    """The number that Gt and Lt compare with."""

    def matches(self, value: str | None) -> bool:
        """Whether an object whose label has this value satisfies the requirement; None means it lacks the label."""
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case _:
                number = None if value is None else integer(value)
                if number is None:
                    return False
                return number > self.bound if self.operator == "Gt" else number < self.bound


def all_match(requirements: Iterable[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy every requirement."""
    return all(requirement.matches(labels.get(requirement.key)) for requirement in requirements)


def integer(text: str) -> int | None:
    """Go's ``strconv.ParseInt(text, 10, 64)``: None where that fails."""
    if not _INTEGER.fullmatch(text) or len(text.lstrip("+-0")) > _MAX_DIGITS:
        return None
    number = int(text)
    return number if _MIN_INT64 <= number <= _MAX_INT64 else None
