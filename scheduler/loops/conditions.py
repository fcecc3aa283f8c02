"""Writes the condition PodScheduled=False of pods that wait, the newest of each pod, until the API server has it.

Owns the order and the patience: one write at a time, and one that failed for now is made again, since those who add
nodes to clusters go by these conditions. What a pod was told must not be written over the fact that it was bound, so a
pod that has a node withdraws what is queued, and what is being written.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from scheduler.api.pod import Pod
from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import ApiError
from scheduler.kube.pod_status import patch_unschedulable
from scheduler.kube.requests import ApiClient
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

Told = tuple[Pod, str, str, str | None]
"""Pod, reason, message, nomination: as ``patch_unschedulable`` takes them."""

FIRST_DELAY = 0.5
LONGEST_DELAY = 10.0
"""Seconds, after a write that failed."""


class Conditions:
    """Call the verbs from anywhere; ``run`` writes."""

    def __init__(self, client: ApiClient, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics
        self._told: dict[str, Told] = {}
        self._some = asyncio.Event()
        self._writing: tuple[str, asyncio.Task[bool]] | None = None

    @property
    def unfinished(self) -> int:
        """How many are queued or being written."""
        return len(self._told) + (self._writing is not None)

    def put(self, pod: Pod, reason: str, message: str, nominated: str | None) -> None:
        """In place of what the pod was to be told before."""
        self._told[pod.metadata.uid] = (pod, reason, message, nominated)
        self._some.set()

    def withdraw(self, uid: str) -> None:
        """The pod has a node."""
        self._told.pop(uid, None)
        if self._writing is not None and self._writing[0] == uid:
            self._writing[1].cancel()

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff(FIRST_DELAY, limit=LONGEST_DELAY)
        while True:
            await self._some.wait()
            self._some.clear()
            while self._told:
                if await self._write_next():
                    backoff.reset()
                else:
                    await asyncio.sleep(backoff.next())

    async def _write_next(self) -> bool:
        """False if it failed for now; it is then the last one, unless there is newer to tell."""
        uid = next(iter(self._told))
        told = self._told.pop(uid)
        task = asyncio.create_task(self._write(told), name=f"condition of {told[0].key}")
        self._writing = uid, task
        try:
            await asyncio.wait([task])
        finally:
            self._writing = None
            task.cancel()
        if task.cancelled() or task.result():
            return True
        self._told.setdefault(uid, told)
        return False

    async def _write(self, told: Told) -> bool:
        """False if trying again may help."""
        pod, reason, message, nominated = told
        try:
            await patch_unschedulable(self._client, pod, reason, message, time.time(), nominated)
        except ApiError as error:
            self._metrics.problem("status")
            log.warning("condition not written", pod=pod.key, why=str(error))
            return not error.transient
        return True
