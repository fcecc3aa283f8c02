"""VolumeBinding: a node must reach the pod's bound volumes, and there must be or come to be volumes for unbound claims.

Mirrors ``plugins/volumebinding``. What becomes of unbound claims on a node is worked out in
``cluster.volumes.matching``; carrying it out is for ``loops``. The score prefers nodes whose storage is used less.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from scheduler.api.quantity import value
from scheduler.api.storage import (
    SELECTED_NODE,
    WAIT_FOR_FIRST_CONSUMER,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
)
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import MAX_AMOUNT, Ids, Mask, Rows, count, indexes
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.volumes.free_volumes import requested, size
from scheduler.cluster.volumes.matching import Found, Matching, Outcome
from scheduler.cluster.volumes.migration import DRIVERS, Untranslatable, plugin_of, translated_affinity
from scheduler.cluster.volumes.pod_volumes import ClaimUse
from scheduler.cluster.volumes.reach import Reach
from scheduler.cluster.volumes.storage import StorageObjects
from scheduler.framework.plugin import SKIP, ClusterPlugin, PluginState, PreFilterAnswer, Scores, Skip
from scheduler.framework.row_state import FITS, RowState
from scheduler.framework.status import AttemptError, Code, Rejection
from scheduler.plugins.arguments import MAX_UTILIZATION, VolumeBindingArgs
from scheduler.plugins.resource_strategies import broken_line
from scheduler.plugins.volume_binding_hints import HINTS
from scheduler.queue.events import QueueingHints

REASON_UNREACHABLE = "node(s) didn't match PersistentVolume's node affinity"
REASON_NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
REASON_NO_SPACE = "node(s) did not have enough free storage"
REASON_VOLUME_GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
REASON_IMMEDIATE = "pod has unbound immediate PersistentVolumeClaims"

DEFAULTS = VolumeBindingArgs()


class VolumeBinding(ClusterPlugin):
    """Filters by where volumes are or can be made; scores 0 where nothing is left to bind."""

    name = "VolumeBinding"

    def __init__(self, arguments: VolumeBindingArgs = DEFAULTS) -> None:
        self._by_percent = [broken_line(arguments.shape, percent) for percent in range(MAX_UTILIZATION + 1)]

    @property
    def hints(self) -> QueueingHints:
        return HINTS

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        return None if pod_class.volumes.claims else SKIP

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        return None if pod_class.volumes.claims else Skip.ZERO

    def state(self, pod: PodInfo, cache: Cache) -> PluginState:
        return _State(pod.pod_class, cache.nodes, self._by_percent)


class _Bound(NamedTuple):
    """A bound claim's volume: from where it is reached, also by its driver where a node has handed it over."""

    reach: Reach
    plugin: str | None = None
    translated: Reach | None = None
    fault: str = ""


class _State(RowState):
    judges_more = True

    def __init__(self, pod_class: PodClass, nodes: NodeTable, by_percent: Sequence[int]) -> None:
        super().__init__(nodes)
        self._wanted = pod_class.volumes
        self._by_percent = by_percent
        self._bound: list[_Bound | None] = []
        self._selected_nodes: set[str] = set()
        self._matching: Matching | None = None
        self._keys: list[str] = []
        self._scores: Scores = np.zeros(0, dtype=np.int64)

    def revision(self) -> Hashable:
        return self._nodes.volumes.revision(self._wanted)

    def prepare(self) -> Rejection | None:
        storage = self._nodes.volumes.storage
        self._scores = np.zeros(self._nodes.capacity, dtype=np.int64)
        claims: list[PersistentVolumeClaim] = []
        for use in self._wanted.claims:
            claim = storage.claims.get(use.key)
            reason = _why_impossible(use, claim)
            if reason is not None:
                return Rejection(Code.UNRESOLVABLE, VolumeBinding.name, (reason,))
            claims.extend([claim] if claim is not None else [])
        unbound = [claim for claim in claims if not claim.is_bound]
        waiting = [_waits(claim, storage) for claim in unbound]
        if not all(waiting):
            return Rejection(Code.UNRESOLVABLE, VolumeBinding.name, (REASON_IMMEDIATE,))
        self._bound = [
            _bound(storage.volumes.get(claim.spec.volume_name), storage) for claim in claims if claim.is_bound
        ]
        selected = [claim for claim in unbound if SELECTED_NODE in claim.metadata.annotations]
        self._selected_nodes = {claim.metadata.annotations[SELECTED_NODE] for claim in selected}
        self._matching = None
        if unbound:
            others = [claim for claim in unbound if SELECTED_NODE not in claim.metadata.annotations]
            self._matching = Matching(others, selected, storage)
            self._keys = sorted(self._matching.label_keys())
        return None

    def judge(self, rows: Rows) -> Ids:
        unreachable, gone, faults = self._judge_bound(rows)
        no_volume, no_space, self._scores[rows] = self._judge_free(rows) or self._judge_unbound(rows)
        reasons = (
            (unreachable, REASON_UNREACHABLE),
            (no_volume, REASON_NO_VOLUME),
            (no_space, REASON_NO_SPACE),
            (gone, REASON_VOLUME_GONE),
        )
        bits = np.zeros(count(rows), dtype=np.int32)
        for bit, (mask, _) in enumerate(reasons):
            bits |= mask.astype(np.int32) << bit
        numbers = np.full(1 << len(reasons), FITS, dtype=np.int32)
        for combination in (np.flatnonzero(np.bincount(bits)[1:]) + 1).tolist():
            texts = tuple(text for bit, (_, text) in enumerate(reasons) if combination >> bit & 1)
            numbers[combination] = self.number(Rejection(Code.UNRESOLVABLE, VolumeBinding.name, texts))
        verdicts: Ids = numbers[bits]
        for mask, fault in faults:
            text = f'running "{VolumeBinding.name}" filter plugin: {fault}'
            verdicts[mask] = self.number(Rejection(Code.ERROR, VolumeBinding.name, (text,)))
        return verdicts

    def score(self, possible: Mask) -> Scores | None:
        return self._scores[: len(possible)]

    def _judge_bound(self, rows: Rows) -> tuple[Mask, Mask, list[tuple[Mask, str]]]:
        """Which rows do not reach a bound volume, which fail for one that is gone, and which for another fault.

        The first claim that fails decides, as upstream.
        """
        undecided = np.ones(count(rows), dtype=np.bool_)
        unreachable = np.zeros(count(rows), dtype=np.bool_)
        faults: list[tuple[Mask, str]] = []
        for bound in self._bound:
            if bound is None:
                return unreachable, undecided, faults
            reached = bound.reach.mask(self._nodes.labels, rows)
            if bound.plugin is not None:
                migrated = self._nodes.volumes.drivers.migrated(bound.plugin, rows)
                if bound.translated is not None:
                    reached = np.where(migrated, bound.translated.mask(self._nodes.labels, rows), reached)
                else:
                    faults.append((undecided & migrated, bound.fault))
                    undecided &= ~migrated
            unreachable |= undecided & ~reached
            undecided &= reached
        return unreachable, np.zeros(count(rows), dtype=np.bool_), faults

    def _judge_free(self, rows: Rows) -> tuple[Mask, Mask, Scores] | None:
        """``_judge_unbound`` where one label tells which volume a node would give to the only claim; None elsewhere."""
        asked = self._matching.only_free() if self._matching is not None else None
        key = None if asked is None else asked[1].only_label()
        column = None if key is None else self._nodes.labels.column(key)
        if asked is None or column is None:
            return None
        claim, free = asked
        sizes = free.smallest_sizes(column, self._nodes.facts.sequence)[column.ids[rows]]
        missing = sizes < 0
        shares = requested(claim) * MAX_UTILIZATION // np.where(sizes > 0, sizes, MAX_AMOUNT)
        scores = np.array(self._by_percent)[np.where(sizes, shares, MAX_UTILIZATION)]
        return missing, np.zeros(count(rows), dtype=np.bool_), np.where(missing, 0, scores)

    def _judge_unbound(self, rows: Rows) -> tuple[Mask, Mask, Scores]:
        """Where there is no volume for the unbound claims, where no space to make one, and the scores."""
        found, which = self._found(rows)
        no_volume = np.array([answer.outcome is Outcome.NO_VOLUME for answer in found], dtype=np.bool_)[which]
        no_space = np.array([answer.outcome is Outcome.NO_SPACE for answer in found], dtype=np.bool_)[which]
        return no_volume, no_space, np.array([self._score(answer) for answer in found], dtype=np.int64)[which]

    def _found(self, rows: Rows) -> tuple[list[Found], Ids]:
        """The distinct answers about the unbound claims, and int32[rows] into them."""
        if self._matching is None:
            return [Found(Outcome.FOUND)], np.zeros(count(rows), dtype=np.int32)
        nodes, listed = self._nodes, indexes(rows)
        if self._selected_nodes:
            name = next(iter(self._selected_nodes))
            row = nodes.row_of(name) if len(self._selected_nodes) == 1 else None
            here = np.equal(listed, -1 if row is None else row)
            answer = self._matching.on(nodes.node(row).metadata.labels) if row is not None and here.any() else None
            return [Found(Outcome.NO_VOLUME), answer or Found(Outcome.NO_VOLUME)], here.astype(np.int32)
        columns = [column.ids[rows] for key in self._keys if (column := nodes.labels.column(key)) is not None]
        which = nodes.live[rows].astype(np.int64)
        for ids in columns:  # rows that are alike in all columns so far, and in this one
            _, which = np.unique(which << 32 | ids, return_inverse=True)
        _, first, which = np.unique(which, return_index=True, return_inverse=True)
        answers = [
            self._matching.on(nodes.node(row).metadata.labels) if nodes.live[row] else Found(Outcome.NO_VOLUME)
            for row in listed[first].tolist()
        ]
        return answers, which.astype(np.int32)

    def _score(self, found: Found) -> int:
        """The mean over storage classes of how their storage is used, by the shape of the arguments."""
        by_class: dict[str, tuple[int, int]] = {}
        for claim, volume in found.static:
            asked, there = by_class.get(volume.spec.storage_class_name, (0, 0))
            by_class[volume.spec.storage_class_name] = (asked + requested(claim), there + size(volume))
        for claim, capacity in found.dynamic if not found.static else ():
            if capacity is not None and capacity.capacity is not None:
                asked, _ = by_class.get(claim.storage_class, (0, 0))
                by_class[claim.storage_class] = (asked + requested(claim), _bytes(capacity))
        if not by_class:
            return 0
        total = sum(self._by_percent[_utilization(asked, there)] for asked, there in by_class.values())
        return (2 * total + len(by_class)) // (2 * len(by_class))


def _utilization(asked: int, there: int) -> int:
    return MAX_UTILIZATION if there == 0 or asked > there else asked * MAX_UTILIZATION // there


def _why_impossible(use: ClaimUse, claim: PersistentVolumeClaim | None) -> str | None:
    """Why no node will do for a pod with this claim."""
    if claim is None:
        if use.owner is not None:
            return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{use.name}"'
        return f'persistentvolumeclaim "{use.name}" not found'
    if claim.status.phase == "Lost":
        volume = claim.spec.volume_name
        return f'persistentvolumeclaim "{use.name}" bound to non-existent persistentvolume "{volume}"'
    if claim.metadata.deletion_timestamp is not None:
        return f'persistentvolumeclaim "{use.name}" is being deleted'
    return use.foreign() if use.owner is not None and claim.controller != use.owner.uid else None


def _waits(claim: PersistentVolumeClaim, storage: StorageObjects) -> bool:
    """Whether the claim is to be bound once a node is chosen. Raises AttemptError."""
    storage_class = storage.classes.get(claim.storage_class) if claim.storage_class else None
    if storage_class is None:
        return False
    if storage_class.volume_binding_mode is None:
        reason = f'VolumeBindingMode not set for StorageClass "{claim.storage_class}"'
        raise AttemptError(f'running PreFilter plugin "{VolumeBinding.name}": {reason}')
    return storage_class.volume_binding_mode == WAIT_FOR_FIRST_CONSUMER and not claim.spec.volume_name


def _bound(volume: PersistentVolume | None, storage: StorageObjects) -> _Bound | None:
    if volume is None:
        return None
    reach, plugin = storage.reach(volume), plugin_of(volume.spec)
    if plugin not in DRIVERS:
        return _Bound(reach)
    try:
        return _Bound(reach, plugin, Reach(translated_affinity(volume)))
    except Untranslatable as error:
        return _Bound(reach, plugin, fault=f"could not translate pv: {error}")


def _bytes(capacity: CSIStorageCapacity) -> int:
    return value(capacity.capacity or 0)
