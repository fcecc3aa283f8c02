"""Label selectors: which sets of labels an object of the API selects.

Owns shape and meaning (apimachinery ``LabelSelectorAsSelector``): all requirements must hold; an empty selector selects
everything. One that is absent is for the caller to judge: it selects nothing in some places and everything in others.
Where one that is malformed matters, ``selectors`` checks it.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.api.meta import WireStruct
from scheduler.api.requirement import Requirement, all_match


class LabelSelectorRequirement(WireStruct):
    key: str
    operator: str
    values: list[str] = []


class LabelSelector(WireStruct):
    match_labels: dict[str, str] = {}
    match_expressions: list[LabelSelectorRequirement] = []

    def requirements(self) -> tuple[Requirement, ...]:
        """All that must hold. The API server has checked the operators: In, NotIn, Exists, DoesNotExist."""
        exact = (Requirement(key, "In", frozenset({value})) for key, value in sorted(self.match_labels.items()))
        rest = (Requirement(e.key, e.operator, frozenset(e.values)) for e in self.match_expressions)
        return (*exact, *rest)

    def selects(self, labels: Mapping[str, str]) -> bool:
        return all_match(self.requirements(), labels)
