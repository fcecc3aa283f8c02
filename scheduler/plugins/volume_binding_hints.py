"""When a pod that VolumeBinding rejected may be tried again: the events, and what about them can have helped.

Owns the queueing hints of VolumeBinding (upstream: ``plugins/volumebinding/volume_binding.go``, EventsToRegister). What
rejects pods is in ``volume_binding``.
"""

from __future__ import annotations

from scheduler.api.pod import Pod
from scheduler.api.storage import (
    MIGRATED_PLUGINS,
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    PersistentVolumeClaim,
    StorageClass,
)
from scheduler.cluster.volumes.matching import limit
from scheduler.cluster.volumes.pod_volumes import claim_use
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always


def _is_claim_of(pod: Pod, event: ClusterEvent) -> bool:
    """The claim is that of a volume of the pod."""
    uses = (claim_use(pod, volume) for volume in pod.spec.volumes)
    claim = event.new
    return isinstance(claim, PersistentVolumeClaim) and any(use is not None and use.key == claim.key for use in uses)


def _allows_other_topologies(_pod: Pod, event: ClusterEvent) -> bool:
    old, new = event.old, event.new
    if not (isinstance(old, StorageClass) and isinstance(new, StorageClass)):
        return True
    return old.allowed_topologies != new.allowed_topologies


def _migrates_others(_pod: Pod, event: ClusterEvent) -> bool:
    """The node hands other old kinds of volumes to drivers than before."""
    old, new = event.old, event.new
    if not (isinstance(old, CSINode) and isinstance(new, CSINode)):
        return True
    return old.metadata.annotations.get(MIGRATED_PLUGINS) != new.metadata.annotations.get(MIGRATED_PLUGINS)


def _stopped_telling_capacity(pod: Pod, event: ClusterEvent) -> bool:
    """The driver of one of the pod's volumes no longer has its capacity looked at."""
    old, new = event.old, event.new
    if not (isinstance(old, CSIDriver) and isinstance(new, CSIDriver)):
        return True
    stopped = old.spec.storage_capacity and not new.spec.storage_capacity
    return stopped and any(volume.csi is not None and volume.csi.driver == new.name for volume in pod.spec.volumes)


def _makes_larger_volumes(_pod: Pod, event: ClusterEvent) -> bool:
    old, new = event.old, event.new
    if not (isinstance(old, CSIStorageCapacity) and isinstance(new, CSIStorageCapacity)):
        return True
    before, now = limit(old), limit(new)
    return now is not None and (before is None or now > before)


HINTS: QueueingHints = {
    EventKind.STORAGE_CLASS_ADD: always,
    EventKind.STORAGE_CLASS_UPDATE: _allows_other_topologies,
    EventKind.CLAIM_ADD: _is_claim_of,
    EventKind.CLAIM_UPDATE: _is_claim_of,
    EventKind.VOLUME_ADD: always,
    EventKind.VOLUME_UPDATE: always,
    EventKind.NODE_ADD: always,
    EventKind.NODE_UPDATE_LABEL: always,
    EventKind.CSI_NODE_ADD: always,
    EventKind.CSI_NODE_UPDATE: _migrates_others,
    EventKind.CSI_DRIVER_UPDATE: _stopped_telling_capacity,
    EventKind.STORAGE_CAPACITY_ADD: always,
    EventKind.STORAGE_CAPACITY_UPDATE: _makes_larger_volumes,
}
