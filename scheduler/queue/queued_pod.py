"""A pending pod as the queue keeps it: the pod, where it stands, and what it has been through.

Only data. Which stage follows which is the business of ``scheduling_queue``.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field

from scheduler.api.pod import Pod
from scheduler.images.pod_images import ResolvedImage


class Stage(enum.StrEnum):
    """Where a pending pod is. The values are the label ``queue`` of the metric ``scheduler_pending_pods``."""

    GATED = "gated"  # has scheduling gates
    AWAITING_IMAGES = "awaiting_images"  # the platforms of its images are not known yet
    ACTIVE = "active"  # to be tried now
    BACKOFF = "backoff"  # to be tried when its backoff is over
    UNSCHEDULABLE = "unschedulable"  # waits for an event that can help
    IN_FLIGHT = "in_flight"  # popped: being decided or bound


@dataclass(slots=True)
class QueuedPod:
    """One pending pod. Times are seconds of the clock that the queue's callers pass as ``now``."""

    pod: Pod
    added_at: float
    stage: Stage
    queued_at: float = 0.0
    """When it last entered the active queue; breaks ties between equal priorities."""
    images: tuple[ResolvedImage, ...] | None = None
    rejected_by: frozenset[str] = frozenset()
    """Plugins that rejected it in the last attempt; empty after a fault."""
    attempts: int = 0
    unschedulable_count: int = 0
    error_count: int = 0
    image_failures: int = 0
    parked_at: float = 0.0
    backoff_until: float = 0.0
    held: bool = False
    """Room is being made for it: while it is unschedulable it stays so, whatever happens."""
    missed: bool = False
    """Something happened meanwhile that would have moved it on."""
    wake_at: float = math.inf
    """When time alone moves it on; infinite while only an event can."""
    priority: int = field(init=False)

    def __post_init__(self) -> None:
        self.priority = self.pod.spec.priority or 0

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid

    def replace_pod(self, pod: Pod) -> None:
        self.pod = pod
        self.priority = pod.spec.priority or 0
