"""NodeVolumeLimits: a CSI driver attaches only so many volumes to a node, and only where it is installed.

Mirrors ``plugins/nodevolumelimits/csi.go``. What is attached where is counted in ``cluster.volumes.attached``; here the
volumes that the pod would add are compared with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from scheduler.api.pod import Pod
from scheduler.api.storage import CSINode, PersistentVolumeClaim, VolumeAttachment
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Ids, Mask, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.volumes.migration import Attachable
from scheduler.cluster.volumes.node_drivers import NO_LIMIT
from scheduler.cluster.volumes.pod_volumes import claim_use, is_countable, pod_volumes
from scheduler.framework.plugin import SKIP, ClusterPlugin, Leaving, PluginState, PreFilterAnswer
from scheduler.framework.row_state import RowState, fits
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

REASON = "node(s) exceed max volume count"


class NodeVolumeLimits(ClusterPlugin):
    """Filters by CSINode, and by what the pods of a node and VolumeAttachments have there already."""

    name = "NodeVolumeLimits"

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.CSI_NODE_ADD: always,
            EventKind.CSI_NODE_UPDATE: _limit_grew,
            EventKind.ASSIGNED_POD_DELETE: _had_a_volume,
            EventKind.CLAIM_ADD: _is_claim_of,
            EventKind.VOLUME_ATTACHMENT_DELETE: _may_have_been_mine,
        }

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        wanted = pod_class.volumes
        return None if wanted.claims or wanted.attached or wanted.fault else SKIP

    def state(self, pod: PodInfo, cache: Cache) -> PluginState:
        return _State(pod.pod_class, cache.nodes)


class _State(RowState):
    looks_at_pods = True

    def __init__(self, pod_class: PodClass, nodes: NodeTable) -> None:
        super().__init__(nodes)
        self._wanted = pod_class.volumes
        self._everywhere: Rejection | None = None
        """What makes the pod impossible on any node."""
        self._new: dict[Attachable, bool] = {}
        """The volumes to be attached; True for those that only nodes with a CSINode attach by CSI."""

    def revision(self) -> Hashable:
        return self._nodes.volumes.revision(self._wanted)

    def prepare(self) -> Rejection | None:
        volumes = self._nodes.volumes
        self._everywhere, self._new = None, dict.fromkeys(self._wanted.attached, True)
        for use in self._wanted.claims:
            claim = volumes.storage.claims.get(use.key)
            if claim is None:
                reason = f'looking up PVC {use.key}: persistentvolumeclaim "{use.name}" not found'
                self._everywhere = Rejection(Code.UNRESOLVABLE, NodeVolumeLimits.name, (reason,))
                break
            if use.owner is not None and claim.controller != use.owner.uid:
                self._everywhere = _error(use.foreign())
                break
            found = volumes.claimed(claim)
            if found is not None:
                self._new[found.volume] = found.migrated and self._new.get(found.volume, True)
        return None

    def judge(self, rows: Rows) -> Ids:
        verdicts = fits(rows)
        undecided = np.ones(count(rows), dtype=np.bool_)
        for mask, rejection in self._verdicts_in_order(rows):
            here = undecided & mask
            if rejection is not None:
                verdicts[here] = self.number(rejection)
            undecided &= ~mask
        return verdicts

    @property
    def leaving(self) -> Leaving:
        return Leaving.ONLY_HELPS

    def rejection_if(self, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]) -> Rejection | None:
        for mask, rejection in self._before_counting(np.array([row], dtype=np.intp)):
            if mask[0]:
                return rejection
        volumes = self._nodes.volumes
        faults = Counter(volumes.faults.get(row, ()))
        change: Counter[Attachable] = Counter()
        for pods, sign in ((gone, -1), (come, 1)):
            for pod in pods:
                for volume in volumes.attachables(pod.volumes):
                    change[volume] += sign
                for fault in volumes.faults_of(pod.volumes):
                    faults[fault] += sign
        left = [fault for fault, number in faults.items() if number > 0]
        if left:
            return _error(min(left))
        exceeded = any(self._exceeds_if(row, driver, change) for driver in self._drivers)
        return _EXCEEDED if exceeded else None

    @property
    def _drivers(self) -> list[str]:
        return sorted({volume.driver for volume in self._new})

    def _verdicts_in_order(self, rows: Rows) -> Iterator[tuple[Mask, Rejection | None]]:
        """Of which rows what is to be said, the first for each row; None: the node is possible."""
        yield from self._before_counting(rows)
        for row, faults in self._nodes.volumes.faults.items():
            yield self._mask([row])[rows], _error(min(faults))
        for driver in self._drivers:
            yield self._exceeds(driver, rows), _EXCEEDED

    def _before_counting(self, rows: Rows) -> Iterator[tuple[Mask, Rejection | None]]:
        """As ``_verdicts_in_order``: what does not depend on the pods of the node."""
        if self._everywhere is not None:
            yield np.ones(count(rows), dtype=np.bool_), self._everywhere
            return
        volumes = self._nodes.volumes
        has_csi = volumes.drivers.present[rows]
        if self._wanted.fault:
            yield has_csi, _error(self._wanted.fault)
        if all(self._new.values()):  # nothing is new where none of them is attached by CSI
            yield ~has_csi if self._new else np.ones(count(rows), dtype=np.bool_), None
        for driver in self._drivers:
            known = volumes.storage.drivers.get(driver)
            if known is not None and known.spec.prevent_pod_scheduling_if_missing:
                migrated = all(old for volume, old in self._new.items() if volume.driver == driver)
                absent = ~volumes.drivers.installed(driver, rows)
                yield absent & has_csi if migrated else absent, _not_installed(driver)
        yield ~volumes.drivers.limited[rows], None

    def _exceeds(self, driver: str, rows: Rows) -> Mask:
        """Where the driver's limit would be passed. A volume that a pod of the node uses already is not new there."""
        attached, limit = self._nodes.volumes.attached, self._nodes.volumes.drivers.limit(driver)
        if limit is None:
            return np.zeros(count(rows), dtype=np.bool_)
        new = np.zeros(count(rows), dtype=np.int64)
        for volume in self._new:
            if volume.driver == driver:
                new += ~self._mask(list(attached.rows_of_pods(volume)))[rows]
        there = attached.count(driver)
        total = new if there is None else new + there[rows]
        exceeds: Mask = (limit[rows] != NO_LIMIT) & (new > 0) & (total > limit[rows])
        return exceeds

    def _exceeds_if(self, row: int, driver: str, change: Counter[Attachable]) -> bool:
        """The same for one row if so many more (or fewer) of its pods used these volumes."""
        attached, limit = self._nodes.volumes.attached, self._nodes.volumes.drivers.limit(driver)
        if limit is None or limit[row] == NO_LIMIT:
            return False
        new = sum(attached.users(row, volume) + change[volume] <= 0 for volume in self._new if volume.driver == driver)
        return new > 0 and attached.count_if(row, driver, change) + new > limit[row]

    def _mask(self, rows: Sequence[int]) -> Mask:
        """bool[size]: these rows."""
        mask = np.zeros(self._nodes.size, dtype=np.bool_)
        mask[list(rows)] = True
        return mask


_EXCEEDED = Rejection(Code.UNSCHEDULABLE, NodeVolumeLimits.name, (REASON,))


def _not_installed(driver: str) -> Rejection:
    reason = f"{driver} CSI driver is not installed on the node"
    return Rejection(Code.UNSCHEDULABLE, NodeVolumeLimits.name, (reason,))


def _error(reason: str) -> Rejection:
    name = NodeVolumeLimits.name
    return Rejection(Code.ERROR, name, (f'running "{name}" filter plugin: {reason}',))


def _limit_grew(_pod: Pod, event: ClusterEvent) -> bool:
    """Some driver attaches more volumes than before. One without a limit counts as 0 here, as upstream has it."""
    old, new = event.old, event.new
    if not (isinstance(old, CSINode) and isinstance(new, CSINode)):
        return True
    before = {driver.name: driver.limit or 0 for driver in old.spec.drivers}
    return any((driver.limit or 0) > before.get(driver.name, 0) for driver in new.spec.drivers)


def _had_a_volume(_pod: Pod, event: ClusterEvent) -> bool:
    """The deleted pod had a volume that can count."""
    return not isinstance(event.old, Pod) or any(map(is_countable, event.old.spec.volumes))


def _is_claim_of(pod: Pod, event: ClusterEvent) -> bool:
    """The claim is that of a volume of the pod."""
    uses = (claim_use(pod, volume) for volume in pod.spec.volumes)
    claim = event.new
    return isinstance(claim, PersistentVolumeClaim) and any(use is not None and use.key == claim.key for use in uses)


def _may_have_been_mine(pod: Pod, event: ClusterEvent) -> bool:
    """The pod has a claim, or a volume of the driver whose attachment is gone."""
    if any(volume.persistent_volume_claim is not None for volume in pod.spec.volumes):
        return True
    attachment, wanted = event.old, pod_volumes(pod)
    if not isinstance(attachment, VolumeAttachment):
        return True
    return bool(wanted.fault) or any(volume.driver == attachment.spec.attacher for volume in wanted.attached)
