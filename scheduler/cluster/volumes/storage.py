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
from scheduler.cluster.volumes.free_volumes import FreeVolumes, ask_of
from scheduler.cluster.volumes.indexes import discard
from scheduler.cluster.volumes.reach import ANYWHERE, Reach

MOST_ASKS = 64
"""Per storage class, of so many different claims it is remembered which free volumes suit them."""

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
        self._indexed: dict[str, PersistentVolume] = {}
        """The volumes as the indexes know them: as assumed, or else as watched."""
        self._free: dict[str, set[str]] = {}
        """Storage class -> its volumes that are meant for no claim."""
        self._meant: dict[tuple[str, str], set[str]] = {}
        """(storage class, claim) -> the volumes of the class that are bound or meant to be bound to the claim."""
        self._suiting: dict[str, dict[bytes, FreeVolumes]] = {}
        """Storage class -> what a claim asks for -> the free volumes that suit it."""
        self._reaches: dict[str, tuple[VolumeNodeAffinity, Reach]] = {}
        self._capacities: dict[str, dict[str, CSIStorageCapacity]] = {}
        self._class_of_capacity: dict[str, str] = {}
        self._shared = 0
        """Grows when a class or a driver changes, which is rare."""
        self._of_class: dict[str, int] = {}
        """Per storage class, a number that grows when a volume or a capacity of it changes."""
        self._changes = 0

    def put_volume(self, volume: PersistentVolume) -> None:
        self.volumes.put(volume.name, volume)
        self._index(volume.name)

    def drop_volume(self, name: str) -> None:
        if self.volumes.watched(name) is not None:
            self.volumes.drop(name)
            self._reaches.pop(name, None)
            self._index(name)

    def meant_for(self, claim: PersistentVolumeClaim) -> Iterator[PersistentVolume]:
        """The volumes of the claim's class that are bound or meant to be bound to a claim of its name."""
        for name in self._meant.get((claim.storage_class, claim.key), ()):
            yield self._indexed[name]

    def free_for(self, claim: PersistentVolumeClaim) -> FreeVolumes:
        """The free volumes that suit the claim. They are kept up to date: do not keep them past the next change."""
        asks = self._suiting.setdefault(claim.storage_class, {})
        ask = ask_of(claim)
        found = asks.get(ask)
        if found is None:
            if len(asks) >= MOST_ASKS:
                del asks[next(iter(asks))]
            found = asks[ask] = FreeVolumes(claim)
            for name in self._free.get(claim.storage_class, ()):
                found.put(self._indexed[name], self.reach(self._indexed[name]))
        return found

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
        self._index(volume.name)

    def restore_volume(self, name: str) -> None:
        self.volumes.restore(name)
        self._index(name)

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

    def _index(self, name: str) -> None:
        """Bring the indexes up to date with what a volume is now, if it is at all."""
        before, now = self._indexed.pop(name, None), self.volumes.get(name)
        if before is not None:
            self._unindex(before)
            self._class_changed(before.storage_class)
        if now is None:
            return
        self._indexed[name] = now
        self._class_changed(now.storage_class)
        reference = now.spec.claim_ref
        if reference is None:
            self._free.setdefault(now.storage_class, set()).add(name)
            for suiting in self._suiting.get(now.storage_class, {}).values():
                suiting.put(now, self.reach(now))
        else:
            claim = f"{reference.namespace}/{reference.name}"
            self._meant.setdefault((now.storage_class, claim), set()).add(name)

    def _unindex(self, volume: PersistentVolume) -> None:
        reference = volume.spec.claim_ref
        if reference is None:
            discard(self._free, volume.storage_class, volume.name)
            for suiting in self._suiting.get(volume.storage_class, {}).values():
                suiting.drop(volume.name)
        else:
            discard(self._meant, (volume.storage_class, f"{reference.namespace}/{reference.name}"), volume.name)

    def _class_changed(self, name: str) -> None:
        self._changes += 1
        self._of_class[name] = self._changes
