"""Wakes pods in kube-scheduler's queue: what we learn of an image is no event there, so a pod could wait five minutes.

Owns one annotation, whose value is the time. kube-scheduler tries a pod again that one of its extenders rejected when
the pod itself is updated.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from extender.loops.pod_writes import PodName, PodWrites
from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import ApiError, Conflict, NotFound
from scheduler.kube.requests import MERGE_PATCH, ApiClient
from scheduler.kube.retrying import retrying

ANNOTATION = "multiarch-scheduler.io/images-known-at"
ATTEMPTS = 6
FIRST_DELAY = 0.2
"""Seconds, doubled each time: an API server that has a bad moment must not cost the pod five minutes."""


class Waking:
    """``wake`` never blocks; at most one write per pod waits."""

    def __init__(self, client: ApiClient, on_problem: Callable[[str], None], *, enabled: bool = True) -> None:
        self._client = client
        self._on_problem = on_problem
        self._enabled = enabled
        self._writes = PodWrites(self._write, "wake pods")

    def wake(self, pod: PodName) -> None:
        if self._enabled:
            self._writes.put(pod, datetime.now(UTC))

    async def stop(self) -> None:
        await self._writes.stop()

    async def _write(self, pod: PodName, time: datetime) -> None:
        # The uid makes it a Conflict when another pod has taken the name.
        metadata = {"uid": pod.uid, "annotations": {ANNOTATION: time.isoformat(timespec="milliseconds")}}
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        body = msgspec.json.encode({"metadata": metadata})
        try:
            await retrying(
                lambda: self._client.patch(path, body, MERGE_PATCH),
                attempts=ATTEMPTS,
                backoff=Backoff(initial=FIRST_DELAY),
            )
        except (NotFound, Conflict):
            return
        except ApiError as error:
            self._on_problem(
                f"pod {pod.namespace}/{pod.name} may wait longer than it has to: it cannot be annotated: {error}"
            )
