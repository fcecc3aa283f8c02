"""Matchers: for each selector that somebody asks about, how many placed pods it means, per row.

Owns the counts and who is counted where. Placed pods are known by their shapes, so registering a matcher looks at
shapes, not at pods, and placing a pod of a known shape adds to the matchers of that shape and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scheduler.cluster.selection.label_index import LabelIndex
from scheduler.cluster.selection.namespaces import NamespaceLabels
from scheduler.cluster.selection.pod_selectors import PodSelector, Requirements
from scheduler.cluster.selection.tally import Tally
from scheduler.cluster.shapes import PodShape


class Matcher:
    """The placed pods that *all* of the selectors mean. ``tally`` counts them."""

    __slots__ = ("selectors", "tally", "terminating", "uses")

    def __init__(self, selectors: tuple[PodSelector, ...], terminating: bool) -> None:
        self.selectors = selectors
        self.terminating = terminating
        """Whether pods that are being deleted count."""
        self.tally = Tally()
        self.uses = 0

    @property
    def depends_on_namespaces(self) -> bool:
        """Whether it means other pods when the labels of namespaces change."""
        return any(selector.namespace_selector for selector in self.selectors)

    def selects(self, shape: PodShape, namespaces: NamespaceLabels) -> bool:
        if shape.terminating and not self.terminating:
            return False
        return all(selector.selects(shape, namespaces) for selector in self.selectors)


@dataclass(slots=True)
class _Placed:
    """The pods of one shape."""

    rows: dict[int, int] = field(default_factory=dict)
    matchers: list[Matcher] = field(default_factory=list)


class Matchers:
    """The matchers in use, and the shapes of the placed pods."""

    def __init__(self, namespaces: NamespaceLabels) -> None:
        self._namespaces = namespaces
        self._matchers: dict[tuple[tuple[PodSelector, ...], bool], Matcher] = {}
        self._index: LabelIndex[Matcher] = LabelIndex()
        self._placed: dict[PodShape, _Placed] = {}
        self._shapes_in: dict[str, dict[PodShape, None]] = {}

    def __len__(self) -> int:
        """How many matchers are in use."""
        return len(self._matchers)

    def __iter__(self) -> Iterator[Matcher]:
        """The matchers in use."""
        return iter(self._matchers.values())

    # Who asks

    def acquire(self, selectors: tuple[PodSelector, ...], *, terminating: bool) -> Matcher:
        """The matcher of pods that all of these (at least one) mean; give it back with ``release``."""
        key = (selectors, terminating)
        matcher = self._matchers.get(key)
        if matcher is None:
            matcher = self._matchers[key] = Matcher(selectors, terminating)
            self._index.add(matcher, _requirements(matcher))
            for shape in self._shapes_for(matcher):
                if matcher.selects(shape, self._namespaces):
                    self._attach(matcher, self._placed[shape])
            matcher.tally.epoch += 1
        matcher.uses += 1
        return matcher

    def release(self, matcher: Matcher) -> None:
        """One use less; without any the matcher is forgotten."""
        matcher.uses -= 1
        if matcher.uses:
            return
        del self._matchers[matcher.selectors, matcher.terminating]
        self._index.discard(matcher, _requirements(matcher))
        for shape in self._shapes_for(matcher):
            placed = self._placed[shape]
            if matcher in placed.matchers:
                placed.matchers.remove(matcher)

    # Who is where

    def place(self, row: int, shape: PodShape) -> None:
        """A pod of this shape is on the row."""
        placed = self._placed.get(shape)
        if placed is None:
            placed = self._placed[shape] = self._first_of(shape)
        placed.rows[row] = placed.rows.get(row, 0) + 1
        for matcher in placed.matchers:
            matcher.tally.add(row, 1)

    def displace(self, row: int, shape: PodShape) -> None:
        """The reverse of ``place``."""
        placed = self._placed[shape]
        for matcher in placed.matchers:
            matcher.tally.add(row, -1)
        placed.rows[row] -= 1
        if placed.rows[row]:
            return
        del placed.rows[row]
        if not placed.rows:
            del self._placed[shape]
            shapes = self._shapes_in[shape.namespace]
            del shapes[shape]
            if not shapes:
                del self._shapes_in[shape.namespace]

    def namespace_changed(self, name: str) -> None:
        """A namespace came, went or changed its labels: who means its pods is seen anew."""
        for matcher in self._matchers.values():
            if not matcher.depends_on_namespaces:
                continue
            for shape in self._shapes_in.get(name, ()):
                placed = self._placed[shape]
                selects = matcher.selects(shape, self._namespaces)
                if selects and matcher not in placed.matchers:
                    self._attach(matcher, placed)
                elif not selects and matcher in placed.matchers:
                    placed.matchers.remove(matcher)
                    _count(matcher, placed, -1)
            matcher.tally.epoch += 1
            matcher.tally.version += 1

    # Private

    def _first_of(self, shape: PodShape) -> _Placed:
        self._shapes_in.setdefault(shape.namespace, {})[shape] = None
        candidates = self._index.candidates(shape.labels)
        return _Placed(matchers=[matcher for matcher in candidates if matcher.selects(shape, self._namespaces)])

    def _shapes_for(self, matcher: Matcher) -> list[PodShape]:
        """The placed shapes that a matcher may mean."""
        first = matcher.selectors[0]
        if first.namespace_selector is not None:
            return list(self._placed)
        return [shape for namespace in first.namespaces for shape in self._shapes_in.get(namespace, ())]

    def _attach(self, matcher: Matcher, placed: _Placed) -> None:
        placed.matchers.append(matcher)
        _count(matcher, placed, 1)


def _count(matcher: Matcher, placed: _Placed, sign: int) -> None:
    for row, pods in placed.rows.items():
        matcher.tally.add(row, sign * pods)


def _requirements(matcher: Matcher) -> Requirements:
    return tuple(requirement for selector in matcher.selectors for requirement in selector.requirements or ())
