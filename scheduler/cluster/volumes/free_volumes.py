"""The free volumes that suit a claim: found smallest first by a node's labels, and kept as volumes come and go.

Owns what makes a volume suit a claim that is not meant for it (upstream: component-helpers ``storage/volume``,
FindMatchingVolume), and the index. Claims that ask for the same share one, so that the thousandth replica of a
StatefulSet does not look at all volumes again. Disks of nodes are each reached from one value of one label; where all
volumes are like that, ``smallest_sizes`` answers for all nodes at once.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from scheduler.api.quantity import value
from scheduler.api.storage import STORAGE, PersistentVolume, PersistentVolumeClaim
from scheduler.cluster.columns import AMOUNT, MAX_AMOUNT, Amounts
from scheduler.cluster.labels import LabelColumn
from scheduler.cluster.volumes.reach import Reach

C = TypeVar("C", bound=Hashable)

AVAILABLE = "Available"
NONE = -1
"""In place of a size: there is no volume."""


class Candidate(NamedTuple):
    """Compared by size, then by name."""

    size: int
    name: str
    volume: PersistentVolume
    reach: Reach


class _Place(NamedTuple):
    """A label with a value."""

    key: str
    value: str


_ANYWHERE = _Place("", "")
"""Of candidates that no single label finds."""


def requested(claim: PersistentVolumeClaim) -> int:
    """Bytes that the claim asks for."""
    return value(claim.spec.resources.requests.get(STORAGE, 0))


def size(volume: PersistentVolume) -> int:
    """Bytes that the volume has."""
    return value(volume.spec.capacity.get(STORAGE, 0))


def ask_of(claim: PersistentVolumeClaim) -> bytes:
    """Equal for claims that the same free volumes suit."""
    spec = claim.spec
    return msgspec.json.encode(
        (
            requested(claim),
            sorted(spec.access_modes),
            spec.selector,
            spec.volume_mode,
            spec.volume_attributes_class_name,
        )
    )


def is_suitable(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether the claim may be bound to the volume, be it meant for it or free."""
    return (
        (volume.spec.claim_ref is None or volume.is_for(claim))
        and size(volume) >= requested(claim)
        and volume.spec.volume_mode == claim.spec.volume_mode
        and (volume.spec.volume_attributes_class_name or "") == (claim.spec.volume_attributes_class_name or "")
        and volume.metadata.deletion_timestamp is None
    )


class FreeVolumes:
    """Those that suit claims like this one. ``put`` and ``drop`` must follow every volume of the class."""

    def __init__(self, claim: PersistentVolumeClaim) -> None:
        self._claim = claim
        self._candidates: dict[str, Candidate] = {}
        self._at: dict[_Place, list[Candidate]] = {}
        """In order of size, then of name."""
        self._anchors: Counter[str] = Counter()
        """Label -> how many candidates are found by it."""
        self._keys: Counter[str] = Counter()
        self._listed: Counter[str | None] = Counter()
        """Label -> how many candidates are reached from certain values of it, whatever else. None: the others."""
        self._sizes: Amounts = np.zeros(0, dtype=AMOUNT)
        self._sizes_of: tuple[LabelColumn, int] | None = None
        self._stale: set[str] = set()

    def put(self, volume: PersistentVolume, reach: Reach) -> None:
        """A volume of the class, as it is now."""
        self.drop(volume.name)
        if not (is_suitable(volume, self._claim) and self._is_free(volume)):
            return
        candidate = Candidate(size(volume), volume.name, volume, reach)
        self._candidates[volume.name] = candidate
        self._count(candidate, 1)
        for place in _places(candidate):
            insort(self._at.setdefault(place, []), candidate, key=_order)
            self._stale.add(place.value)

    def drop(self, name: str) -> None:
        """A volume is gone, or somebody's."""
        candidate = self._candidates.pop(name, None)
        if candidate is None:
            return
        self._count(candidate, -1)
        for place in _places(candidate):
            there = self._at[place]
            del there[bisect_left(there, _order(candidate), key=_order)]
            if not there:
                del self._at[place]
            self._stale.add(place.value)

    def label_keys(self) -> set[str]:
        """The labels of a node that can make a difference."""
        return set(self._keys)

    def near(self, labels: Mapping[str, str]) -> Iterator[Candidate]:
        """What may be reached from a node with these labels, smallest first."""
        places = (_Place(key, labels[key]) for key in self._anchors if key in labels)
        return heapq.merge(*(self._at.get(place, ()) for place in (_ANYWHERE, *places)), key=_order)

    def only_label(self) -> str | None:
        """The label that alone decides from where each volume is reached; None if there is more to it."""
        return next(iter(self._listed)) if len(self._listed) == 1 else None

    def smallest_sizes(self, column: LabelColumn, revision: int) -> Amounts:
        """int64[id of a value of ``only_label``]: the smallest volume's size, or NONE. Do not write, do not keep.

        ``revision`` differs when ids of the column may stand for other values.
        """
        key, values = self.only_label() or "", self._stale
        if self._sizes_of is None or self._sizes_of[0] is not column or self._sizes_of[1] != revision:
            self._sizes = np.full(column.values.capacity, NONE, dtype=AMOUNT)
            values = {place.value for place in self._at}
        for text in values:
            number = column.values.id_of(text)
            if number is not None:
                there = self._at.get(_Place(key, text))
                self._sizes[number] = there[0].size if there else NONE
        self._stale.clear()
        self._sizes_of = column, revision
        return self._sizes

    def _is_free(self, volume: PersistentVolume) -> bool:
        spec = self._claim.spec
        return (
            volume.spec.claim_ref is None
            and volume.status.phase == AVAILABLE
            and (spec.selector is None or spec.selector.selects(volume.metadata.labels))
            and set(spec.access_modes) <= set(volume.spec.access_modes)
        )

    def _count(self, candidate: Candidate, number: int) -> None:
        reach = candidate.reach
        anchor = reach.anchor()
        _add(self._anchors, [] if anchor is None else [anchor[0]], number)
        _add(self._keys, reach.label_keys(), number)
        _add(self._listed, [reach.only_label() if candidate.size <= MAX_AMOUNT else None], number)


def _add(counter: Counter[C], keys: Iterable[C], number: int) -> None:
    """A key that counts nothing is not kept."""
    for key in keys:
        counter[key] += number
        if not counter[key]:
            del counter[key]


def _order(candidate: Candidate) -> tuple[int, str]:
    return candidate[:2]


def _places(candidate: Candidate) -> list[_Place]:
    """Where the candidate is to be found."""
    anchor = candidate.reach.anchor()
    return [_ANYWHERE] if anchor is None else [_Place(anchor[0], text) for text in anchor[1]]
