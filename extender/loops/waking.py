"""Wakes pods in kube-scheduler's queue: what we learn of an image is no event there, so a pod could wait five minutes.

Owns one annotation, whose value is the time, and the writing of it, a few at a time. kube-scheduler tries a pod again
that one of its extenders rejected when the pod changes in anything but its status (``isPodUpdated``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from extender.loops.looking_up import PodName
from scheduler.kube.errors import ApiError, Conflict, NotFound
from scheduler.kube.requests import MERGE_PATCH, ApiClient

ANNOTATION = "multiarch-scheduler.io/images-known-at"
MAX_IN_FLIGHT = 8


class Waking:
    """``wake`` never blocks; at most one write per pod waits."""

    def __init__(self, client: ApiClient, on_problem: Callable[[str], None], *, enabled: bool = True) -> None:
        self._client = client
        self._on_problem = on_problem
        self._enabled = enabled
        self._waiting: dict[PodName, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self, pod: PodName) -> None:
        if not self._enabled:
            return
        self._waiting[pod] = None
        if len(self._tasks) < MAX_IN_FLIGHT:
            task = asyncio.create_task(self._write_all(), name="wake pods")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write_all(self) -> None:
        while self._waiting:
            pod = next(iter(self._waiting))
            del self._waiting[pod]
            await self._write(pod)

    async def _write(self, pod: PodName) -> None:
        # The uid makes it a Conflict when another pod has taken the name.
        metadata = {"uid": pod.uid, "annotations": {ANNOTATION: datetime.now(UTC).isoformat(timespec="milliseconds")}}
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        try:
            await self._client.patch(path, msgspec.json.encode({"metadata": metadata}), MERGE_PATCH)
        except (NotFound, Conflict):
            return
        except ApiError as error:
            self._on_problem(
                f"pod {pod.namespace}/{pod.name} may wait longer than it has to: it cannot be annotated: {error}"
            )
