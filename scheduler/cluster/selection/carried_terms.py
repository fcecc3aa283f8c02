"""Carried terms: what placed pods demand of newcomers, or wish for, counted per row and distinct term.

Owns which terms of pod (anti-)affinity are carried by pods on which rows. A pod that will not have certain others
beside it bars them from its domain; preferences and required affinity make places better or worse for the pods that
they mean. What follows for a newcomer is the plugin InterPodAffinity's business.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary, WeakValueDictionary

from scheduler.api.affinity import PodAffinity, PodAffinityTerm
from scheduler.api.pod import PodSpec
from scheduler.api.selectors import InvalidSelector
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.selection.label_index import LabelIndex
from scheduler.cluster.selection.namespaces import NamespaceLabels
from scheduler.cluster.selection.pod_selectors import PodTerm, parse_pod_term
from scheduler.cluster.selection.tally import Tally
from scheduler.cluster.shapes import PodShape


class Role(enum.Enum):
    """What a term means to the pods that it selects."""

    BARS = enum.auto()
    """Required anti-affinity."""
    DRAWS = enum.auto()
    """Required affinity."""
    WEIGHS = enum.auto()
    """Preferred: affinity with its weight, anti-affinity with its weight negated."""


class CarriedTerm:
    """One distinct term. ``tally`` counts how often it is carried per row. Compared by identity."""

    __slots__ = ("__weakref__", "role", "tally", "term", "weight")

    def __init__(self, role: Role, weight: int, term: PodTerm) -> None:
        self.role = role
        self.weight = weight
        self.term = term
        self.tally = Tally()


class CarriedTerms:
    """The terms of the placed pods."""

    def __init__(self, namespaces: NamespaceLabels) -> None:
        self.version = 0
        """Rises when a term is carried for the first time, or by no pod any more."""
        self._namespaces = namespaces
        self._terms: WeakValueDictionary[tuple[Role, int, PodTerm], CarriedTerm] = WeakValueDictionary()
        self._of_class: WeakKeyDictionary[PodClass, tuple[CarriedTerm, ...]] = WeakKeyDictionary()
        self._carried: LabelIndex[CarriedTerm] = LabelIndex()

    def of(self, spec: PodSpec, namespace: str) -> tuple[CarriedTerm, ...]:
        """What a pod with this spec would carry. A group of terms with a malformed one counts for nothing."""
        affinity = spec.affinity
        if affinity is None or (affinity.pod_affinity is None and affinity.pod_anti_affinity is None):
            return ()
        groups = (*_groups(affinity.pod_affinity, Role.DRAWS, 1), *_groups(affinity.pod_anti_affinity, Role.BARS, -1))
        return tuple(
            self._interned(role, weight, term)
            for role, terms in groups
            for weight, term in _parsed(terms, namespace)
            if term.selector.requirements is not None
        )

    def of_class(self, pod_class: PodClass) -> tuple[CarriedTerm, ...]:
        """The same for all pods of a class."""
        if pod_class.spec.affinity is None:
            return ()
        found = self._of_class.get(pod_class)
        if found is None:
            found = self._of_class[pod_class] = self.of(pod_class.spec, pod_class.namespace)
        return found

    def __iter__(self) -> Iterator[CarriedTerm]:
        """The terms that are carried now."""
        return iter([term for term in self._terms.values() if term.tally.total])

    def place(self, row: int, terms: Iterable[CarriedTerm]) -> None:
        """A pod that carries these is on the row."""
        for term in terms:
            if not term.tally.total:
                self._carried.add(term, term.term.selector.requirements or ())
                self.version += 1
            term.tally.add(row, 1)

    def displace(self, row: int, terms: Iterable[CarriedTerm]) -> None:
        """The reverse of ``place``."""
        for term in terms:
            term.tally.add(row, -1)
            if not term.tally.total:
                self._carried.discard(term, term.term.selector.requirements or ())
                self.version += 1

    def about(self, shape: PodShape) -> Iterator[CarriedTerm]:
        """The terms carried now that mean a newcomer of this shape."""
        for term in self._carried.candidates(shape.labels):
            if term.term.selector.selects_newcomer(shape, self._namespaces):
                yield term

    def _interned(self, role: Role, weight: int, term: PodTerm) -> CarriedTerm:
        key = (role, weight, term)
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = CarriedTerm(role, weight, term)
        return found


_Weighted = list[tuple[int, PodAffinityTerm]]


def _groups(affinity: PodAffinity | None, role: Role, sign: int) -> Iterator[tuple[Role, _Weighted]]:
    if affinity is not None:
        yield role, [(0, term) for term in affinity.required]
        yield Role.WEIGHS, [(sign * wish.weight, wish.pod_affinity_term) for wish in affinity.preferred]


def _parsed(terms: _Weighted, namespace: str) -> list[tuple[int, PodTerm]]:
    try:
        return [(weight, parse_pod_term(term, namespace)) for weight, term in terms]
    except InvalidSelector:
        return []
