"""Volumes: what the plugins about storage look at, kept up to date by every object and every placed pod.

Owns how the parts hang together: a claim leads to its volume or class, that to a driver and a handle, and those are
counted where the claim is used. When an object changes, the counts of the claims that depend on it are taken off and
put on again as they are now; no pod is looked at. Only ``cache`` writes here, plugins read.

    pods on rows -> uses -> (claims, volumes, classes: storage) -> attached
    CSINodes -> drivers               VolumeAttachments ------------^
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from scheduler.api.storage import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    StorageObject,
    VolumeAttachment,
)
from scheduler.cluster.change_log import ChangeLog
from scheduler.cluster.volumes.attached import AttachedVolumes
from scheduler.cluster.volumes.attachments import Attachments
from scheduler.cluster.volumes.disks import DisksInUse
from scheduler.cluster.volumes.indexes import discard
from scheduler.cluster.volumes.migration import DRIVERS, UNCOUNTED, Attachable, Untranslatable, plugin_of, translated
from scheduler.cluster.volumes.node_drivers import NodeDrivers
from scheduler.cluster.volumes.pod_volumes import NO_VOLUMES, ClaimUse, PodVolumes
from scheduler.cluster.volumes.storage import StorageObjects
from scheduler.cluster.volumes.uses import ClaimUses


class ClaimedVolume(NamedTuple):
    """What a claim leads to. ``migrated``: only a node with a CSINode has it from a CSI driver."""

    volume: Attachable
    migrated: bool


class _Counted(NamedTuple):
    """As what the uses of a claim are counted now."""

    volume: Attachable | None
    controller: str | None
    """None: the claim does not exist."""


class Volumes:
    """``facts`` and ``counters`` are the node table's logs: a row is touched when a verdict about it may differ."""

    def __init__(self, capacity: int, facts: ChangeLog, counters: ChangeLog) -> None:
        self.storage = StorageObjects()
        self.drivers = NodeDrivers(capacity)
        self.attached = AttachedVolumes(capacity)
        self.disks = DisksInUse()
        self.uses = ClaimUses()
        self.faults: dict[int, Counter[str]] = {}
        """Row -> why the volumes of its pods cannot be counted."""
        self._facts = facts
        self._counters = counters
        self._rows: dict[str, int] = {}
        self._nodes: dict[str, CSINode] = {}
        self._counted: dict[str, _Counted] = {}
        self._claims_on: dict[str, set[str]] = {}
        self._attachments = Attachments(self.storage, self.attached, self._rows, counters)

    # Questions

    def claimed(self, claim: PersistentVolumeClaim) -> ClaimedVolume | None:
        """What a driver will have to attach for the claim; None if nothing that counts."""
        name = claim.spec.volume_name
        volume = self.storage.volumes.get(name) if name else None
        if volume is None:
            return self._to_be_provisioned(claim)
        if volume.spec.csi is not None:
            csi = volume.spec.csi
            return (
                ClaimedVolume(Attachable(csi.driver, csi.volume_handle), False)
                if all((csi.driver, csi.volume_handle))
                else None
            )
        if plugin_of(volume.spec) is None:
            return None
        try:
            found = translated(volume.spec, volume.metadata.labels)
        except Untranslatable:
            return None
        return None if found is None or not found.handle else ClaimedVolume(found, True)

    def attachables(self, held: PodVolumes) -> Iterator[Attachable]:
        """As what a placed pod's volumes are counted, each use once."""
        yield from held.attached
        for use in held.claims:
            counted = self._counted.get(use.key) or self._as_now(use.key)
            if counted.volume is not None:
                yield counted.volume

    def faults_of(self, held: PodVolumes) -> Iterator[str]:
        """Why a placed pod's volumes cannot be counted."""
        if held.fault:
            yield held.fault
        for use in held.claims:
            if _is_foreign(use, self._counted.get(use.key) or self._as_now(use.key)):
                yield use.foreign()

    def revision(self, wanted: PodVolumes) -> Hashable:
        """A value that differs when anything differs that a pod with these volumes depends on, apart from its rows."""
        if wanted is NO_VOLUMES:
            return None
        keys = [use.key for use in wanted.claims]
        return self.storage.revision(keys), tuple(map(self.uses.is_used, keys))

    def migrates(self, node: str, plugin: str) -> bool:
        """Whether a node hands volumes of the old plugin to its CSI driver."""
        known = self._nodes.get(node)
        return known is not None and plugin in known.migrated_plugins

    # Rows

    def grow(self, capacity: int) -> None:
        self.drivers.grow(capacity)
        self.attached.grow(capacity)

    def join(self, row: int, node: str) -> None:
        """The row is this node's from now on."""
        self._rows[node] = row
        known = self._nodes.get(node)
        if known is not None:
            self.drivers.put(row, known)
        self._attachments.count_node(node)

    def leave(self, node: str) -> None:
        """The node is gone, and its pods have been displaced."""
        row = self._rows.pop(node, None)
        if row is not None:
            self.drivers.clear(row)
            self._attachments.uncount_node(node)

    def place(self, row: int, held: PodVolumes) -> None:
        """Count a pod's volumes on the row."""
        if held is NO_VOLUMES:
            return
        self.disks.add(row, held.disks)
        for volume in held.attached:
            self.attached.add_use(row, volume)
        if held.fault:
            self._add_fault(row, held.fault, 1)
        for use in held.claims:
            counted = self._counted.get(use.key)
            if counted is None:
                counted = self._counted[use.key] = self._as_now(use.key)
            self.uses.add(row, use)
            self._count(row, use, 1, counted)

    def displace(self, row: int, held: PodVolumes) -> None:
        """The reverse of ``place`` with the same volumes."""
        if held is NO_VOLUMES:
            return
        self.disks.remove(row, held.disks)
        for volume in held.attached:
            self.attached.remove_use(row, volume)
        if held.fault:
            self._add_fault(row, held.fault, -1)
        for use in held.claims:
            self._count(row, use, -1, self._counted[use.key])
            self.uses.remove(row, use)
            if not self.uses.of(use.key):
                del self._counted[use.key]

    # Objects

    def put(self, thing: StorageObject) -> None:
        """An object of storage is there, or has changed."""
        match thing:
            case PersistentVolumeClaim():
                self.put_claim(thing)
            case PersistentVolume():
                self.put_volume(thing)
            case StorageClass():
                self.put_class(thing)
            case CSINode():
                self.put_node(thing)
            case CSIDriver():
                self.storage.put_driver(thing)
            case CSIStorageCapacity():
                self.storage.put_capacity(thing)
            case VolumeAttachment():
                self._attachments.put(thing)

    def drop(self, thing: StorageObject) -> None:
        """An object of storage is gone."""
        match thing:
            case PersistentVolumeClaim():
                self.drop_claim(thing.key)
            case PersistentVolume():
                self.drop_volume(thing.name)
            case StorageClass():
                self.drop_class(thing.name)
            case CSINode():
                self.drop_node(thing.name)
            case CSIDriver():
                self.storage.drop_driver(thing.name)
            case CSIStorageCapacity():
                self.storage.drop_capacity(thing.key)
            case VolumeAttachment():
                self._attachments.drop(thing.name)

    def put_node(self, node: CSINode) -> None:
        """A node told of its CSI drivers, before or after it joined."""
        known = self._nodes.get(node.name)
        self._nodes[node.name] = node
        row = self._rows.get(node.name)
        if row is not None and (
            known is None or known.spec != node.spec or known.migrated_plugins != node.migrated_plugins
        ):
            self.drivers.put(row, node)
            self._facts.touch(row)

    def drop_node(self, name: str) -> None:
        if self._nodes.pop(name, None) is not None and name in self._rows:
            self.drivers.clear(self._rows[name])
            self._facts.touch(self._rows[name])

    def put_claim(self, claim: PersistentVolumeClaim) -> None:
        self._index_claim(claim.key, claim.spec.volume_name)
        self.storage.claims.put(claim.key, claim)
        self._recount([claim.key])

    def drop_claim(self, key: str) -> None:
        self._index_claim(key, "")
        self.storage.claims.drop(key)
        self._recount([key])

    def put_volume(self, volume: PersistentVolume) -> None:
        self._change_volume(volume.name, lambda: self.storage.put_volume(volume))

    def drop_volume(self, name: str) -> None:
        self._change_volume(name, lambda: self.storage.drop_volume(name))

    def put_class(self, storage_class: StorageClass) -> None:
        self.storage.put_class(storage_class)
        self._recount_class(storage_class.name)

    def drop_class(self, name: str) -> None:
        self.storage.drop_class(name)
        self._recount_class(name)

    def _to_be_provisioned(self, claim: PersistentVolumeClaim) -> ClaimedVolume | None:
        """A volume that does not exist yet counts for the driver that will make it, each claim on its own."""
        storage_class = self.storage.classes.get(claim.storage_class)
        if storage_class is None or not storage_class.provisioner or storage_class.provisioner in UNCOUNTED:
            return None
        driver = DRIVERS.get(storage_class.provisioner)
        volume = Attachable(driver or storage_class.provisioner, f"to be made for {claim.key}")
        return ClaimedVolume(volume, driver is not None)

    def _as_now(self, key: str) -> _Counted:
        claim = self.storage.claims.get(key)
        if claim is None:
            return _Counted(None, None)
        found = self.claimed(claim)
        return _Counted(None if found is None else found.volume, claim.controller)

    def _count(self, row: int, use: ClaimUse, uses: int, counted: _Counted) -> None:
        if counted.volume is not None:
            if uses > 0:
                self.attached.add_use(row, counted.volume, uses)
            else:
                self.attached.remove_use(row, counted.volume, -uses)
        if _is_foreign(use, counted):
            self._add_fault(row, use.foreign(), uses)

    def _recount(self, keys: Iterable[str]) -> None:
        """What these claims lead to may have changed."""
        for key in keys:
            before = self._counted.get(key)
            if before is None:
                continue
            now = self._counted[key] = self._as_now(key)
            if now == before:
                continue
            for row, uses in self.uses.of(key).items():
                for use, number in uses.items():
                    self._count(row, use, -number, before)
                    self._count(row, use, number, now)
                self._counters.touch(row)

    def _recount_class(self, name: str) -> None:
        """A class comes or goes rarely, so all claims in use are looked at."""
        self._recount(
            key for key in list(self.uses) if (claim := self.storage.claims.get(key)) and claim.storage_class == name
        )

    def _change_volume(self, name: str, change: Callable[[], None]) -> None:
        self._attachments.uncount_volume(name)
        change()
        self._attachments.count_volume(name)
        self._recount(self._claims_on.get(name, ()))

    def _index_claim(self, key: str, volume: str) -> None:
        known = self.storage.claims.watched(key)
        if known is not None:
            discard(self._claims_on, known.spec.volume_name, key)
        if volume:
            self._claims_on.setdefault(volume, set()).add(key)

    def _add_fault(self, row: int, fault: str, number: int) -> None:
        faults = self.faults.setdefault(row, Counter())
        faults[fault] += number
        if not faults[fault]:
            del faults[fault]
        if not faults:
            del self.faults[row]


def _is_foreign(use: ClaimUse, counted: _Counted) -> bool:
    """Whether an ephemeral volume's claim is there and belongs to somebody else."""
    return use.owner is not None and counted.controller not in {None, use.owner.uid}
