"""What becomes of a pod's unbound claims on a node: volumes that are there already, or such as a driver can make there.

Owns the rules of static matching, dynamic provisioning and storage capacity (upstream: component-helpers
``storage/volume``, FindMatchingVolume; ``plugins/volumebinding/binder.go``, FindPodVolumes). The answer depends on a
few labels of the node only (``label_keys``), so whoever asks for many nodes asks once per distinct set of their values.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scheduler.api.quantity import value
from scheduler.api.storage import (
    NO_PROVISIONER,
    STORAGE,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from scheduler.cluster.volumes.free_volumes import FreeVolumes, is_suitable, requested
from scheduler.cluster.volumes.storage import StorageObjects


class Outcome(enum.Enum):
    FOUND = enum.auto()
    NO_VOLUME = enum.auto()
    """Neither is there a volume, nor can one be made here."""
    NO_SPACE = enum.auto()
    """A volume could be made here, were there enough space."""


class Static(NamedTuple):
    claim: PersistentVolumeClaim
    volume: PersistentVolume


class Dynamic(NamedTuple):
    claim: PersistentVolumeClaim
    capacity: CSIStorageCapacity | None
    """What the volume would be taken from, where the driver tells."""


@dataclass(frozen=True, slots=True)
class Found:
    """What would be done for the claims on a node."""

    outcome: Outcome
    static: tuple[Static, ...] = ()
    dynamic: tuple[Dynamic, ...] = ()


class _Provisioning(NamedTuple):
    """What a claim needs to be provisioned for. ``capacities`` None: its driver has as much as anyone wants."""

    claim: PersistentVolumeClaim
    storage_class: StorageClass
    capacities: list[CSIStorageCapacity] | None


class Matching:
    """``claims``: unbound ones that wait for a consumer; ``selected``: those of them whose volume is being made."""

    def __init__(
        self,
        claims: Sequence[PersistentVolumeClaim],
        selected: Sequence[PersistentVolumeClaim],
        storage: StorageObjects,
    ) -> None:
        by_size = sorted(claims, key=requested)
        self._pools = [_Pool(claim, storage) for claim in by_size]
        self._provisioning = {claim.key: _provisioning(claim, storage) for claim in (*claims, *selected)}
        self._selected = selected

    def label_keys(self) -> set[str]:
        """The labels of a node that can make a difference."""
        keys: set[str] = set()
        for pool in self._pools:
            keys |= pool.label_keys()
        for needs in self._provisioning.values():
            terms = needs.storage_class.allowed_topologies
            keys.update(expression.key for term in terms for expression in term.match_label_expressions)
            selectors = (c.node_topology for c in needs.capacities or () if c.node_topology is not None)
            keys.update(requirement.key for selector in selectors for requirement in selector.requirements())
        return keys

    def only_free(self) -> tuple[PersistentVolumeClaim, FreeVolumes] | None:
        """The claim and its volumes, if a free volume is all that can become of it; None if there is more to it."""
        if self._selected or len(self._pools) != 1 or self._pools[0].own:
            return None
        claim = self._pools[0].claim
        makes_some = self._provisioning[claim.key].storage_class.provisioner not in {"", NO_PROVISIONER}
        return None if makes_some else (claim, self._pools[0].free)

    def on(self, labels: Mapping[str, str]) -> Found:
        """What would be done on a node with these labels."""
        chosen: dict[str, Static] = {}
        missing: list[PersistentVolumeClaim] = []
        for pool in self._pools:
            volume = pool.smallest(labels, chosen)
            if volume is None:
                missing.append(pool.claim)
            else:
                chosen[volume.name] = Static(pool.claim, volume)
        dynamic: list[Dynamic] = []
        for claim in (*self._selected, *missing):
            needs = self._provisioning[claim.key]
            if needs.storage_class.provisioner in {"", NO_PROVISIONER} or not _allowed(needs.storage_class, labels):
                return Found(Outcome.NO_VOLUME)
            if needs.capacities is None:
                dynamic.append(Dynamic(claim, None))
                continue
            enough = next((c for c in needs.capacities if _has_access(c, labels)), None)
            if enough is None:
                return Found(Outcome.NO_SPACE)
            dynamic.append(Dynamic(claim, enough))
        return Found(Outcome.FOUND, tuple(chosen.values()), tuple(dynamic))


class _Pool:
    """The volumes that a claim could be bound to: those meant for it, and free ones."""

    def __init__(self, claim: PersistentVolumeClaim, storage: StorageObjects) -> None:
        self.claim = claim
        meant = (volume for volume in storage.meant_for(claim) if volume.is_for(claim) and is_suitable(volume, claim))
        self.own = sorted(((volume, storage.reach(volume)) for volume in meant), key=lambda pair: pair[0].name)
        self.free = storage.free_for(claim)

    def label_keys(self) -> set[str]:
        return {key for _, reach in self.own for key in reach.label_keys()} | self.free.label_keys()

    def smallest(self, labels: Mapping[str, str], chosen: Mapping[str, Static]) -> PersistentVolume | None:
        """The volume to take on a node, if it is not chosen already. One that is meant for the claim goes first."""
        for volume, reach in self.own:
            if volume.name not in chosen:
                return volume if reach.includes(labels) else None
        for candidate in self.free.near(labels):
            if candidate.name not in chosen and candidate.reach.includes(labels):
                return candidate.volume
        return None


def limit(capacity: CSIStorageCapacity) -> int | None:
    """Bytes of the largest volume that can be made; None where nothing is known."""
    text = capacity.capacity if capacity.maximum_volume_size is None else capacity.maximum_volume_size
    return None if text is None else value(text)


def _provisioning(claim: PersistentVolumeClaim, storage: StorageObjects) -> _Provisioning:
    storage_class = storage.classes[claim.storage_class]
    driver = storage.drivers.get(storage_class.provisioner)
    if driver is None or not driver.spec.storage_capacity or STORAGE not in claim.spec.resources.requests:
        return _Provisioning(claim, storage_class, None)
    needed = requested(claim)
    known = storage.capacities_of(storage_class.name)
    return _Provisioning(claim, storage_class, [c for c in known if (most := limit(c)) is not None and most >= needed])


def _allowed(storage_class: StorageClass, labels: Mapping[str, str]) -> bool:
    """Whether the class makes volumes for such a node. An empty term allows none, no term at all every node."""
    terms = storage_class.allowed_topologies
    return not terms or any(
        term.match_label_expressions
        and all(labels.get(expression.key) in expression.values for expression in term.match_label_expressions)
        for term in terms
    )


def _has_access(capacity: CSIStorageCapacity, labels: Mapping[str, str]) -> bool:
    return capacity.node_topology is not None and capacity.node_topology.selects(labels)
