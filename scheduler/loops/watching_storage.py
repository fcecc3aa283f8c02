"""Brings storage in: claims, volumes, classes, drivers, capacities and attachments, into the cache and as events.

Owns the kinds and which change of them is news to waiting pods. What follows from an object is for
``cluster.volumes``. Without CSI drivers most of these watches stay empty and silent, and no decision looks at them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from scheduler.api.storage import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeAttachment,
)
from scheduler.cluster.cache import Cache
from scheduler.kube.reflector import Reflector
from scheduler.kube.requests import ApiClient
from scheduler.loops.watching import EventSink
from scheduler.queue.events import EventKind

T = TypeVar(
    "T",
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    CSINode,
    CSIDriver,
    CSIStorageCapacity,
    VolumeAttachment,
)


class StorageWatch(Generic[T]):
    """The handler of one kind's reflector. A change without an event of its kind helps no pod.

    ``changed`` is called with each object that came, changed or went, after the cache knows.
    """

    def __init__(
        self,
        cache: Cache,
        events: EventSink,
        *,
        added: EventKind | None = None,
        updated: EventKind | None = None,
        deleted: EventKind | None = None,
        changed: Callable[[T], None] = lambda thing: None,
    ) -> None:
        self._cache = cache
        self._events = events
        self._added = added
        self._updated = updated
        self._deleted = deleted
        self._changed: Callable[[T], None] = changed
        self._known: dict[tuple[str, str], T] = {}

    def replaced(self, items: list[T]) -> None:
        """A fresh list: whatever is not on it is gone."""
        for key in self._known.keys() - {_key(item) for item in items}:
            self.deleted(self._known[key])
        for item in items:
            self.modified(item)

    def added(self, item: T) -> None:
        self.modified(item)

    def modified(self, item: T) -> None:
        old = self._known.get(_key(item))
        if old is not None and old.metadata.resource_version == item.metadata.resource_version:
            return  # a list that repeats what the watch has told
        self._known[_key(item)] = item
        self._cache.put_storage(item)
        self._changed(item)
        kind = self._added if old is None else self._updated
        if kind is not None:
            self._events.happened(kind, old, item)

    def deleted(self, item: T) -> None:
        old = self._known.pop(_key(item), None)
        if old is None:
            return
        self._cache.drop_storage(old)
        self._changed(old)
        if self._deleted is not None:
            self._events.happened(self._deleted, old, None)


def storage_watches(
    client: ApiClient,
    cache: Cache,
    events: EventSink,
    on_problem: Callable[[str], None],
    claim_changed: Callable[[PersistentVolumeClaim], None] = lambda claim: None,
) -> dict[str, Reflector[Any]]:
    """A reflector for each kind, by the name of the resource."""

    def of(path: str, kind: type[T], handler: StorageWatch[T]) -> Reflector[T]:
        return Reflector(client, path, kind, handler, on_problem=on_problem)

    core, storage = "/api/v1", "/apis/storage.k8s.io/v1"
    claims = StorageWatch[PersistentVolumeClaim](
        cache, events, added=EventKind.CLAIM_ADD, updated=EventKind.CLAIM_UPDATE, changed=claim_changed
    )
    volumes = StorageWatch[PersistentVolume](cache, events, added=EventKind.VOLUME_ADD, updated=EventKind.VOLUME_UPDATE)
    classes = StorageWatch[StorageClass](
        cache, events, added=EventKind.STORAGE_CLASS_ADD, updated=EventKind.STORAGE_CLASS_UPDATE
    )
    nodes = StorageWatch[CSINode](cache, events, added=EventKind.CSI_NODE_ADD, updated=EventKind.CSI_NODE_UPDATE)
    drivers = StorageWatch[CSIDriver](cache, events, updated=EventKind.CSI_DRIVER_UPDATE)
    capacities = StorageWatch[CSIStorageCapacity](
        cache, events, added=EventKind.STORAGE_CAPACITY_ADD, updated=EventKind.STORAGE_CAPACITY_UPDATE
    )
    attachments = StorageWatch[VolumeAttachment](cache, events, deleted=EventKind.VOLUME_ATTACHMENT_DELETE)
    return {
        "persistentvolumeclaims": of(f"{core}/persistentvolumeclaims", PersistentVolumeClaim, claims),
        "persistentvolumes": of(f"{core}/persistentvolumes", PersistentVolume, volumes),
        "storageclasses": of(f"{storage}/storageclasses", StorageClass, classes),
        "csinodes": of(f"{storage}/csinodes", CSINode, nodes),
        "csidrivers": of(f"{storage}/csidrivers", CSIDriver, drivers),
        "csistoragecapacities": of(f"{storage}/csistoragecapacities", CSIStorageCapacity, capacities),
        "volumeattachments": of(f"{storage}/volumeattachments", VolumeAttachment, attachments),
    }


def _key(item: T) -> tuple[str, str]:
    return item.metadata.namespace, item.metadata.name
