"""VolumeZone: a bound volume's zone and region labels must agree with the node's.

Mirrors ``plugins/volumezone``. Only claims that a pod names are looked at, no ephemeral volumes; where a volume may be
used otherwise is for VolumeBinding, by node affinity.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple

import numpy as np

from scheduler.api.pod import Pod
from scheduler.api.requirement import Requirement
from scheduler.api.storage import WAIT_FOR_FIRST_CONSUMER, PersistentVolume, PersistentVolumeClaim, StorageClass
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Ids, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.volumes.migration import BETA_REGION, BETA_ZONE, DELIMITER, REGION, ZONE
from scheduler.framework.plugin import SKIP, ClusterPlugin, PluginState, PreFilterAnswer
from scheduler.framework.row_state import FITS, RowState
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

REASON = "node(s) had no available volume zone"
KEYS = (BETA_ZONE, BETA_REGION, ZONE, REGION)
_TODAY = {BETA_ZONE: ZONE, BETA_REGION: REGION}


class Topology(NamedTuple):
    """What a volume's label asks of a node."""

    key: str
    values: frozenset[str]


class VolumeZone(ClusterPlugin):
    """Filters by the labels of bound volumes."""

    name = "VolumeZone"

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.STORAGE_CLASS_ADD: _waits_for_consumers,
            EventKind.NODE_ADD: always,
            EventKind.NODE_UPDATE_LABEL: always,
            EventKind.CLAIM_ADD: _is_claim_of,
            EventKind.CLAIM_UPDATE: _is_claim_of,
            EventKind.VOLUME_ADD: always,
            EventKind.VOLUME_UPDATE: _moved,
        }

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        return None if any(use.owner is None for use in pod_class.volumes.claims) else SKIP

    def state(self, pod: PodInfo, cache: Cache) -> PluginState:
        return _State(pod.pod_class, cache.nodes)


class _State(RowState):
    def __init__(self, pod_class: PodClass, nodes: NodeTable) -> None:
        super().__init__(nodes)
        self._wanted = pod_class.volumes
        self._topologies: list[Topology] = []

    def revision(self) -> Hashable:
        return self._nodes.volumes.revision(self._wanted)

    def prepare(self) -> Rejection | None:
        self._topologies = []
        for use in self._wanted.claims:
            if use.owner is None:
                reason = self._look_at(use.key, use.name)
                if reason is not None:
                    return Rejection(Code.UNRESOLVABLE, VolumeZone.name, (reason,))
        return None

    def judge(self, rows: Rows) -> Ids:
        labels = self._nodes.labels
        agrees = np.ones(count(rows), dtype=np.bool_)
        for key, values in self._topologies:
            same = labels.matching(Requirement(key, "In", values), rows)
            today = _TODAY.get(key)
            if today is not None:
                absent = labels.matching(Requirement(key, "DoesNotExist"), rows)
                same |= absent & labels.matching(Requirement(today, "In", values), rows)
            agrees &= same
        if not agrees.all():
            nowhere = np.ones(count(rows), dtype=np.bool_)
            for key in KEYS:
                nowhere &= labels.matching(Requirement(key, "DoesNotExist"), rows)
            agrees |= nowhere
        return np.where(agrees, FITS, self.number(Rejection(Code.UNRESOLVABLE, VolumeZone.name, (REASON,)))).astype(
            np.int32
        )

    def _look_at(self, key: str, name: str) -> str | None:
        """Notes what the claim's volume asks for; the reason if the claim makes the pod impossible."""
        storage = self._nodes.volumes.storage
        claim = storage.claims.get(key)
        if not name:
            return "PersistentVolumeClaim had no name"
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if not claim.spec.volume_name:
            if not claim.storage_class:
                return "PersistentVolumeClaim had no pv name and storageClass name"
            return _why_unbound(claim.storage_class, storage.classes.get(claim.storage_class))
        volume = storage.volumes.get(claim.spec.volume_name)
        if volume is None:
            return f'persistentvolume "{claim.spec.volume_name}" not found'
        self._topologies += topologies(volume)
        return None


def topologies(volume: PersistentVolume) -> Iterator[Topology]:
    """What the volume's labels ask of nodes. A label with an empty part asks for nothing."""
    for key in KEYS:
        parts = [part.strip() for part in volume.metadata.labels.get(key, "").split(DELIMITER)]
        if all(parts):
            yield Topology(key, frozenset(parts))


def _why_unbound(name: str, storage_class: StorageClass | None) -> str | None:
    """Why a claim of the class that is not bound makes the pod impossible; None if it will be bound in time."""
    if storage_class is None:
        return f'storageclass.storage.k8s.io "{name}" not found'
    if storage_class.volume_binding_mode is None:
        return f'VolumeBindingMode not set for StorageClass "{name}"'
    return None if storage_class.volume_binding_mode == WAIT_FOR_FIRST_CONSUMER else "PersistentVolume had no name"


def _waits_for_consumers(_pod: Pod, event: ClusterEvent) -> bool:
    return isinstance(event.new, StorageClass) and event.new.volume_binding_mode == WAIT_FOR_FIRST_CONSUMER


def _is_claim_of(pod: Pod, event: ClusterEvent) -> bool:
    """The pod names the claim."""
    claim = event.new
    return (
        isinstance(claim, PersistentVolumeClaim)
        and claim.metadata.namespace == pod.metadata.namespace
        and any(
            volume.persistent_volume_claim is not None
            and volume.persistent_volume_claim.claim_name == claim.metadata.name
            for volume in pod.spec.volumes
        )
    )


def _moved(_pod: Pod, event: ClusterEvent) -> bool:
    """The volume's labels ask for something else now."""
    old, new = event.old, event.new
    if not (isinstance(old, PersistentVolume) and isinstance(new, PersistentVolume)):
        return True
    return list(topologies(old)) != list(topologies(new))
