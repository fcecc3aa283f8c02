"""Volumes, claims, classes, drivers and capacities: the objects themselves, found by what asks for them.

Owns the objects and their revisions. A claim or volume that we are about to write counts as written already
(``assume``) until the watch brings news of it (upstream: ``plugins/volumebinding/passive_assume_cache.go``).

Whoever caches something about a pod's claims asks for ``revision``: it differs as soon as anything differs that those
claims depend on.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from scheduler.api.storage import (
    CSIDriver,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeNodeAffinity,
)
from scheduler.cluster.volumes.indexes import discard
from scheduler.cluster.volumes.reach import ANYWHERE, Reach

T = TypeVar("T", PersistentVolume, PersistentVolumeClaim)


class Assumable(Generic[T]):
    """Objects by key, each with a number that grows at every change; an assumed one stands for what it was made of."""

    def __init__(self) -> None:
        self._objects: dict[str, T] = {}
        self._assumed: dict[str, T] = {}
        self._revisions: dict[str, int] = {}
        self._changes = 0

    def get(self, key: str) -> T | None:
        return self._assumed.get(key) or self._objects.get(key)

    def watched(self, key: str) -> T | None:
        """As the API server told it last."""
        return self._objects.get(key)

    def revision(self, key: str) -> int:
        """0 for an object that does not exist."""
        return self._revisions.get(key, 0)

    def put(self, key: str, thing: T) -> None:
        """News of the watch. They end an assumption, unless they are the very version that it was made of."""
        assumed = self._assumed.get(key)
        if assumed is not None and assumed.metadata.resource_version != thing.metadata.resource_version:
            del self._assumed[key]
        self._objects[key] = thing
        self._changed(key)

    def drop(self, key: str) -> None:
        self._objects.pop(key, None)
        self._assumed.pop(key, None)
        self._revisions.pop(key, None)

    def assume(self, key: str, thing: T) -> None:
        """Raises ValueError when the object is gone or has changed since."""
        known = self._objects.get(key)
        if known is None or known.metadata.resource_version != thing.metadata.resource_version:
            raise ValueError(f"{key} has changed since the decision")
        self._assumed[key] = thing
        self._changed(key)

    def restore(self, key: str) -> None:
        """The assumption came to nothing."""
        if self._assumed.pop(key, None) is not None:
            self._changed(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def _changed(self, key: str) -> None:
        self._changes += 1
        self._revisions[key] = self._changes


class StorageObjects:
    """The objects, and the indexes over them. Only ``volumes`` writes here."""

    def __init__(self) -> None:
        self.claims: Assumable[PersistentVolumeClaim] = Assumable()
        """By namespace/name."""
        self.volumes: Assumable[PersistentVolume] = Assumable()
        self.classes: dict[str, StorageClass] = {}
        self.drivers: dict[str, CSIDriver] = {}
        self._free: dict[str, set[str]] = {}
        """Storage class -> its volumes that are meant for no claim."""
        self._meant: dict[tuple[str, str], set[str]] = {}
        """(storage class, claim) -> the volumes of the class that are bound or meant to be bound to the claim."""
        self._reaches: dict[str, tuple[VolumeNodeAffinity, Reach]] = {}
        self._capacities: dict[str, dict[str, CSIStorageCapacity]] = {}
        self._class_of_capacity: dict[str, str] = {}
        self._shared = 0
        """Grows when a class or a driver changes, which is rare."""
        self._of_class: dict[str, int] = {}
        """Per storage class, a number that grows when a volume or a capacity of it changes."""
        self._changes = 0

    def put_volume(self, volume: PersistentVolume) -> None:
        known = self.volumes.watched(volume.name)
        if known is not None:
            self._unindex(known)
            self._class_changed(known.storage_class)
        self.volumes.put(volume.name, volume)
        reference = volume.spec.claim_ref
        if reference is None:
            self._free.setdefault(volume.storage_class, set()).add(volume.name)
        else:
            claim = f"{reference.namespace}/{reference.name}"
            self._meant.setdefault((volume.storage_class, claim), set()).add(volume.name)
        self._class_changed(volume.storage_class)

    def drop_volume(self, name: str) -> None:
        known = self.volumes.watched(name)
        if known is not None:
            self.volumes.drop(name)
            self._reaches.pop(name, None)
            self._unindex(known)
            self._class_changed(known.storage_class)

    def volumes_for(self, claim: PersistentVolumeClaim) -> Iterator[PersistentVolume]:
        """The volumes of the claim's class that are free or meant for it, in no particular order.

        Some may be assumed to be another's. Most volumes of a class are somebody's, so they are not walked.
        """
        storage_class = claim.storage_class
        for names in (self._free.get(storage_class, ()), self._meant.get((storage_class, claim.key), ())):
            for name in names:
                volume = self.volumes.get(name)
                if volume is not None:
                    yield volume

    def reach(self, volume: PersistentVolume) -> Reach:
        """From where the volume is reached; worked out once, however often it is assumed to be somebody's."""
        affinity = volume.spec.node_affinity
        if affinity is None:
            return ANYWHERE
        known = self._reaches.get(volume.name)
        if known is None or known[0] is not affinity:
            known = self._reaches[volume.name] = (affinity, Reach(affinity.required))
        return known[1]

    def put_class(self, storage_class: StorageClass) -> None:
        self.classes[storage_class.name] = storage_class
        self._shared += 1

    def drop_class(self, name: str) -> None:
        self.classes.pop(name, None)
        self._shared += 1

    def put_driver(self, driver: CSIDriver) -> None:
        self.drivers[driver.name] = driver
        self._shared += 1

    def drop_driver(self, name: str) -> None:
        self.drivers.pop(name, None)
        self._shared += 1

    def put_capacity(self, capacity: CSIStorageCapacity) -> None:
        self.drop_capacity(capacity.key)
        self._class_of_capacity[capacity.key] = capacity.storage_class_name
        self._capacities.setdefault(capacity.storage_class_name, {})[capacity.key] = capacity
        self._class_changed(capacity.storage_class_name)

    def drop_capacity(self, key: str) -> None:
        storage_class = self._class_of_capacity.pop(key, None)
        if storage_class is not None:
            del self._capacities[storage_class][key]
            self._class_changed(storage_class)

    def capacities_of(self, storage_class: str) -> list[CSIStorageCapacity]:
        """What is left of a class, by key, so that the same one is found first every time."""
        return [capacity for _, capacity in sorted(self._capacities.get(storage_class, {}).items())]

    def assume_volume(self, volume: PersistentVolume) -> None:
        self.volumes.assume(volume.name, volume)
        self._class_changed(volume.storage_class)

    def restore_volume(self, name: str) -> None:
        self.volumes.restore(name)
        known = self.volumes.watched(name)
        if known is not None:
            self._class_changed(known.storage_class)

    def revision(self, claims: Iterable[str]) -> Hashable:
        """A value that differs when anything differs that these claims (namespace/name) depend on."""
        return (self._shared, *(self._state_of(key) for key in claims))

    def _state_of(self, key: str) -> tuple[int, int]:
        claim = self.claims.get(key)
        if claim is None:
            return (0, 0)
        if claim.spec.volume_name:
            return (self.claims.revision(key), self.volumes.revision(claim.spec.volume_name))
        return (self.claims.revision(key), self._of_class.get(claim.storage_class, 0))

    def _unindex(self, volume: PersistentVolume) -> None:
        reference = volume.spec.claim_ref
        if reference is None:
            discard(self._free, volume.storage_class, volume.name)
        else:
            discard(self._meant, (volume.storage_class, f"{reference.namespace}/{reference.name}"), volume.name)

    def _class_changed(self, name: str) -> None:
        self._changes += 1
        self._of_class[name] = self._changes
