"""Tells users why their pod waits: a FailedScheduling event and the condition PodScheduled=False.

Owns the wording around the reasons. Events go to the recorder, conditions to ``conditions``; neither of them blocks.
While this process does not lead it has nothing to tell: the leader does.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from scheduler.api.pod import Pod
from scheduler.images.content import ImageFailure
from scheduler.images.pod_images import PodImage
from scheduler.kube.event_recorder import EventRecorder
from scheduler.loops.conditions import Conditions
from scheduler.loops.decisions import Decisions
from scheduler.loops.leadership import Leadership

log = structlog.get_logger()

UNSCHEDULABLE = "Unschedulable"
SCHEDULER_ERROR = "SchedulerError"


class Reporting:
    """Call the verbs from anywhere.

    ``recorders``: by the name that pods give in ``spec.schedulerName``, under which their events are reported.
    """

    def __init__(
        self,
        conditions: Conditions,
        recorders: Mapping[str, EventRecorder],
        leadership: Leadership,
        decisions: Decisions,
    ) -> None:
        self._conditions = conditions
        self._recorders = recorders
        self._leadership = leadership
        self._decisions = decisions

    def placed(self, pod: Pod) -> None:
        """It is about to be bound, and no longer waits for what it was told."""
        self._conditions.withdraw(pod.metadata.uid)

    def bound(self, pod: Pod, node: str) -> None:
        self._decisions.bound(pod.key)
        note = f"Successfully assigned {pod.key} to {node}"
        self._recorders[pod.spec.scheduler_name].record(pod, "Normal", "Scheduled", "Binding", note)

    def unschedulable(self, pod: Pod, message: str, nominated: str | None) -> None:
        """No node is good enough; ``message`` is the FitError's text. ``nominated``: as ``patch_unschedulable``."""
        log.info("unschedulable", pod=pod.key, why=message)
        self._failed(pod, UNSCHEDULABLE, message, nominated)

    def preempted(self, victim: Pod, pod: Pod, node: str, *, deleted: bool) -> None:
        """The victim was evicted to make room for the pod, or only placed in memory, and is that no more."""
        log.info("preempted", victim=victim.key, pod=pod.key, node=node, deleted=deleted)
        note = f"Preempted by pod {pod.metadata.uid} on node {node}"
        if not deleted:
            note += " (in kube-scheduler memory)."
        self._recorders[pod.spec.scheduler_name].record(victim, "Normal", "Preempted", "Preempting", note)

    def waits_for_image(self, pod: Pod, image: PodImage, failure: ImageFailure, delay: float) -> None:
        """The platforms of an image are not known, so no node can be chosen yet."""
        message = (
            f"waiting to learn which platforms image {image.image} ({image.source}) is built for: {failure.message};"
            f" asking again in {delay:.0f}s"
        )
        log.info("image unknown", pod=pod.key, image=image.image, cause=failure.cause, why=failure.message)
        self._failed(pod, UNSCHEDULABLE, message)

    def faulted(self, pod: Pod, message: str) -> None:
        """The attempt ended in a fault and is made again."""
        log.warning("attempt failed", pod=pod.key, why=message)
        self._decisions.faulted(pod.key, message)
        self._failed(pod, SCHEDULER_ERROR, message, "")

    def _failed(self, pod: Pod, reason: str, message: str, nominated: str | None = None) -> None:
        if not self._leadership.holds():
            return
        recorder = self._recorders[pod.spec.scheduler_name]
        recorder.record(pod, "Warning", "FailedScheduling", "Scheduling", message)
        self._conditions.put(pod, reason, message, nominated)
