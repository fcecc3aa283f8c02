"""What can happen in a cluster that may help a pod, and a plugin's hint whether it does.

Owns the vocabulary only: the watch loop makes events, plugins declare hints for them, the scheduling queue asks the
hints of the plugins that rejected a pod. The kinds are kube-scheduler's (``pkg/scheduler/framework/events.go``) as far
as the plugins here need them, plus ours about images and node platforms.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.storage import StorageObject
from scheduler.images.pod_images import ResolvedImage


class EventKind(enum.StrEnum):
    NODE_ADD = "NodeAdd"
    NODE_DELETE = "NodeDelete"
    NODE_UPDATE_TAINT = "NodeUpdateTaint"
    NODE_UPDATE_ALLOCATABLE = "NodeUpdateAllocatable"
    NODE_UPDATE_LABEL = "NodeUpdateLabel"
    NODE_UPDATE_DECLARED_FEATURE = "NodeUpdateNodeDeclaredFeature"
    NODE_UPDATE_PLATFORM = "NodeUpdatePlatform"  # ours: os, architecture, build or runtime
    NODE_UPDATE_IMAGES = "NodeUpdateImages"  # ours: it holds other images than before
    ASSIGNED_POD_ADD = "AssignedPodAdd"
    ASSIGNED_POD_LABEL = "AssignedPodUpdatePodLabel"
    ASSIGNED_POD_DELETE = "AssignedPodDelete"
    ASSIGNED_POD_SCALE_DOWN = "AssignedPodUpdatePodScaleDown"
    TARGET_POD_LABEL = "TargetPodUpdatePodLabel"
    TARGET_POD_TOLERATION = "TargetPodUpdatePodToleration"
    TARGET_POD_SCALE_DOWN = "TargetPodUpdatePodScaleDown"
    TARGET_POD_GATES_ELIMINATED = "TargetPodUpdatePodSchedulingGatesEliminated"
    CLAIM_ADD = "PersistentVolumeClaimAdd"
    CLAIM_UPDATE = "PersistentVolumeClaimUpdate"
    VOLUME_ADD = "PersistentVolumeAdd"
    VOLUME_UPDATE = "PersistentVolumeUpdate"
    STORAGE_CLASS_ADD = "StorageClassAdd"
    STORAGE_CLASS_UPDATE = "StorageClassUpdate"
    CSI_NODE_ADD = "CSINodeAdd"
    CSI_NODE_UPDATE = "CSINodeUpdate"
    CSI_DRIVER_UPDATE = "CSIDriverUpdate"
    STORAGE_CAPACITY_ADD = "CSIStorageCapacityAdd"
    STORAGE_CAPACITY_UPDATE = "CSIStorageCapacityUpdate"
    VOLUME_ATTACHMENT_DELETE = "VolumeAttachmentDelete"
    UNSCHEDULABLE_TIMEOUT = "UnschedulableTimeout"  # wildcard: asked of no hint


Subject = Node | Pod | StorageObject


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """One change. ``old`` and ``new`` are the object before and after it, as far as the kind has them."""

    kind: EventKind
    old: Subject | None = None
    new: Subject | None = None


QueueingHint = Callable[[Pod, ClusterEvent], bool]
"""(pending pod, event) -> may the event make the pod schedulable?"""


ImageHint = Callable[[Pod, tuple[ResolvedImage, ...], ClusterEvent], bool]
"""The same, with what is known of the pod's images."""


def always(_pod: Pod, _event: ClusterEvent) -> bool:
    """The hint of a plugin for which every event of a kind may help."""
    return True


QueueingHints = dict[EventKind, QueueingHint]
"""What one plugin declares: a kind that is absent never helps."""
