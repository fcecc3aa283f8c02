"""Tells users why their pod waits: a FailedScheduling event and the condition PodScheduled=False.

Owns the wording around the reasons, and the order of writes: events go to the recorder, which never blocks; of the
conditions only the newest per pod is kept until it is written, so a slow API server costs staleness and not memory.
While this process does not lead it has nothing to tell: the leader does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import structlog

from scheduler.api.pod import Pod
from scheduler.images.content import ImageFailure
from scheduler.images.pod_images import PodImage
from scheduler.kube.errors import ApiError
from scheduler.kube.event_recorder import EventRecorder
from scheduler.kube.pod_status import patch_unschedulable
from scheduler.kube.requests import ApiClient
from scheduler.loops.decisions import Decisions
from scheduler.loops.leadership import Leadership
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

UNSCHEDULABLE = "Unschedulable"
SCHEDULER_ERROR = "SchedulerError"


class Reporting:
    """Call the verbs from anywhere; ``run`` writes the conditions.

    ``recorders``: by the name that pods give in ``spec.schedulerName``, under which their events are reported.
    """

    def __init__(
        self,
        client: ApiClient,
        recorders: Mapping[str, EventRecorder],
        metrics: Metrics,
        leadership: Leadership,
        decisions: Decisions,
    ) -> None:
        self._client = client
        self._recorders = recorders
        self._metrics = metrics
        self._leadership = leadership
        self._decisions = decisions
        self._conditions: dict[str, tuple[Pod, str, str, str | None]] = {}
        self._some = asyncio.Event()

    def bound(self, pod: Pod, node: str) -> None:
        self._conditions.pop(pod.metadata.uid, None)
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

    async def run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._conditions:
                pod, reason, message, nominated = self._conditions.pop(next(iter(self._conditions)))
                await self._write(pod, reason, message, nominated)

    def _failed(self, pod: Pod, reason: str, message: str, nominated: str | None = None) -> None:
        if not self._leadership.holds():
            return
        recorder = self._recorders[pod.spec.scheduler_name]
        recorder.record(pod, "Warning", "FailedScheduling", "Scheduling", message)
        self._conditions[pod.metadata.uid] = (pod, reason, message, nominated)
        self._some.set()

    async def _write(self, pod: Pod, reason: str, message: str, nominated: str | None) -> None:
        try:
            await patch_unschedulable(self._client, pod, reason, message, time.time(), nominated)
        except ApiError as error:
            self._metrics.problem("status")
            log.warning("condition not written", pod=pod.key, why=str(error))
