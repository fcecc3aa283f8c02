"""VolumeRestrictions: disks that only one pod of a node may have, and claims that only one pod at all may use.

Mirrors ``plugins/volumerestrictions``. Which disks conflict is defined in ``cluster.volumes.disks``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from scheduler.api.pod import Pod
from scheduler.api.storage import PersistentVolumeClaim
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Ids, Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.volumes.disks import disks
from scheduler.cluster.volumes.pod_volumes import claim_use
from scheduler.framework.plugin import SKIP, ClusterPlugin, Leaving, PluginState, PreFilterAnswer
from scheduler.framework.row_state import FITS, RowState
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

REASON_DISK = "node(s) had no available disk"
REASON_ONE_POD = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)


class VolumeRestrictions(ClusterPlugin):
    """Filters by what other pods hold. An ephemeral volume is its pod's own, so it is not looked at."""

    name = "VolumeRestrictions"

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.ASSIGNED_POD_DELETE: _frees_a_volume,
            EventKind.NODE_ADD: always,
            EventKind.CLAIM_ADD: _is_claim_of,
        }

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        wanted = pod_class.volumes
        return None if wanted.disks or any(use.owner is None for use in wanted.claims) else SKIP

    def state(self, pod: PodInfo, cache: Cache) -> PluginState:
        return _State(pod.pod_class, cache.nodes)


class _State(RowState):
    looks_at_pods = True

    def __init__(self, pod_class: PodClass, nodes: NodeTable) -> None:
        super().__init__(nodes)
        self._wanted = pod_class.volumes
        self._for_one_pod: set[str] = set()
        """Names of the pod's claims that only one pod may use."""
        self._in_use = 0
        """How many of them some pod uses."""

    def revision(self) -> Hashable:
        return self._nodes.volumes.revision(self._wanted)

    def prepare(self) -> Rejection | None:
        volumes = self._nodes.volumes
        self._for_one_pod, self._in_use = set(), 0
        for key, name in dict.fromkeys((use.key, use.name) for use in self._wanted.claims if use.owner is None):
            claim = volumes.storage.claims.get(key)
            if claim is None:
                return self._never(f'persistentvolumeclaim "{name}" not found')
            if claim.for_one_pod_only:
                self._for_one_pod.add(name)
                self._in_use += volumes.uses.is_used(key)
        return None

    def judge(self, rows: Rows) -> Ids:
        verdicts = np.full(self._nodes.size, FITS, dtype=np.int32)
        if self._in_use:
            verdicts[:] = self.number(_not_now(REASON_ONE_POD))
        for disk in self._wanted.disks:
            held = self._nodes.volumes.disks.rows_in_conflict(disk)
            if held:
                verdicts[held] = self.number(_not_now(REASON_DISK))
        return verdicts[rows]

    @property
    def leaving(self) -> Leaving:
        return Leaving.ONLY_HELPS

    def rejection_if(self, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]) -> Rejection | None:
        freed = [disk for pod in gone for disk in pod.volumes.disks]
        taken = [disk for pod in come for disk in pod.volumes.disks]
        for wanted in self._wanted.disks:
            left = self._nodes.volumes.disks.left(row, wanted, freed)
            if any(wanted.conflicts(disk) for disk in (*left, *taken)):
                return _not_now(REASON_DISK)
        return _not_now(REASON_ONE_POD) if self._in_use - self._users(gone) + self._users(come) > 0 else None

    def _users(self, pods: Iterable[PlacedPod]) -> int:
        """How often these pods use such a claim. As upstream, only names are compared, not namespaces."""
        return sum(use.owner is None and use.name in self._for_one_pod for pod in pods for use in pod.volumes.claims)

    def _never(self, reason: str) -> Rejection:
        return Rejection(Code.UNRESOLVABLE, VolumeRestrictions.name, (reason,))


def _not_now(reason: str) -> Rejection:
    return Rejection(Code.UNSCHEDULABLE, VolumeRestrictions.name, (reason,))


def _is_claim_of(pod: Pod, event: ClusterEvent) -> bool:
    """The pod names the claim."""
    return isinstance(event.new, PersistentVolumeClaim) and event.new.key in _claims(pod)


def _frees_a_volume(pod: Pod, event: ClusterEvent) -> bool:
    """The deleted pod held a disk that the waiting one cannot have beside it, or a claim of it."""
    old = event.old
    if not isinstance(old, Pod):
        return True
    if old.metadata.namespace != pod.metadata.namespace:
        return False
    conflict = any(mine.conflicts(theirs) for mine in disks(pod.spec.volumes) for theirs in disks(old.spec.volumes))
    return conflict or not _claims(pod).isdisjoint(_claims(old))


def _claims(pod: Pod) -> set[str]:
    """The claims that the pod names, as namespace/name."""
    uses = (claim_use(pod, volume) for volume in pod.spec.volumes)
    return {use.key for use in uses if use is not None and use.owner is None}
