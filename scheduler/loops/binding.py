"""Carries placements out: one Binding request per placed pod, a bounded number at a time.

Owns what becomes of a pod between its assumption and the API server's word. A binding that may or may not have taken
effect is settled by ``kube.binding`` reading the pod. When it failed, the pod's room is given back (forget) and it is
tried again after a backoff; when it succeeded, the cache keeps the assumption until the watch confirms it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.volumes.reservation import BindingFailed
from scheduler.kube.binding import BindResult, bind
from scheduler.kube.requests import ApiClient
from scheduler.loops.clock import WakeUp, now
from scheduler.loops.reporting import Reporting
from scheduler.loops.volumes import VolumeBinder
from scheduler.loops.watching import EventSink
from scheduler.queue.events import EventKind
from scheduler.queue.queued_pod import QueuedPod
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

_CALM_PART = 4
"""Of the bindings that may be under way, one in so many is few."""


class Binding:
    """At most ``max_in_flight`` bindings at once; ``room`` waits while that many are under way.

    ``calm`` is set while so few are under way, and no more are expected, that other writes are in nobody's way.
    """

    def __init__(
        self,
        client: ApiClient,
        cache: Cache,
        queue: SchedulingQueue,
        events: EventSink,
        reporting: Reporting,
        resolve: Callable[[Pod], None],
        work: WakeUp,
        metrics: Metrics,
        max_in_flight: int,
        volumes: VolumeBinder,
        calm: asyncio.Event,
    ) -> None:
        self._client = client
        self._cache = cache
        self._queue = queue
        self._events = events
        self._reporting = reporting
        self._resolve = resolve
        self._work = work
        self._metrics = metrics
        self._max_in_flight = max_in_flight
        self._volumes = volumes
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._more_expected = False
        self._calm = calm
        self._tell_calm()

    def has_room(self) -> bool:
        return len(self._tasks) < self._max_in_flight

    async def room(self) -> None:
        """Returns when there is room for a binding."""
        while not self.has_room():
            self._freed.clear()
            await self._freed.wait()

    def expect(self, more: bool) -> None:
        """Whether more pods are waiting for their decisions now."""
        self._more_expected = more
        self._tell_calm()

    def submit(self, queued: QueuedPod, info: PodInfo, node: str, started: float) -> None:
        """Starts the binding of an assumed pod. ``started`` is when its attempt began (``time.perf_counter``).

        A pod with claims that are still to be bound is bound when they are, whatever is under way then.
        """
        try:
            reservation = self._volumes.reserve(info, node)
        except BindingFailed as error:
            self._give_up(info, f'running Reserve plugin "VolumeBinding": {error}', started)
            return
        if reservation is None:
            self._start(queued, info, node, started)
            return
        began = time.perf_counter()

        def ended(status: str) -> None:
            seconds = time.perf_counter() - began
            self._metrics.extension_point("PreBind", status, seconds, info.pod.spec.scheduler_name)

        def done() -> None:
            ended("Success")
            self._start(queued, info, node, started)

        def failed(message: str) -> None:
            ended("Error")
            self._give_up(info, message, started)

        self._volumes.submit(info, reservation, done=done, failed=failed)

    def _start(self, queued: QueuedPod, info: PodInfo, node: str, started: float) -> None:
        task = asyncio.create_task(self._carry_out(queued, info, node, started), name=f"bind {info.key}")
        self._tasks.add(task)
        self._tell_calm()
        task.add_done_callback(self._finished)

    async def drain(self, seconds: float) -> None:
        """Lets the bindings under way finish, for at most the given time."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._freed.set()
        self._tell_calm()

    def _tell_calm(self) -> None:
        if len(self._tasks) <= self._max_in_flight // _CALM_PART and not self._more_expected:
            self._calm.set()
        else:
            self._calm.clear()

    async def _carry_out(self, queued: QueuedPod, info: PodInfo, node: str, started: float) -> None:
        try:
            await self._bind(queued, info, node, started)
        except Exception as error:  # a fault of ours must not leave the pod assumed, and never tried again
            log.exception("binding failed", pod=info.key, node=node)
            self._failed(info, f"{type(error).__name__}: {error}", started)

    async def _bind(self, queued: QueuedPod, info: PodInfo, node: str, started: float) -> None:
        pod = info.pod
        asked = time.perf_counter()
        outcome = await bind(self._client, pod.metadata.namespace, pod.metadata.name, pod.metadata.uid, node)
        ended = time.perf_counter()
        took = ended - started
        status = "Success" if outcome.result is BindResult.BOUND else "Error"
        self._metrics.extension_point("Bind", status, ended - asked, pod.spec.scheduler_name)
        if outcome.result is BindResult.BOUND:
            self._metrics.attempt("scheduled", took, pod.spec.scheduler_name)
            self._metrics.scheduled(queued.attempts, now() - queued.added_at)
            self._queue.done(info.uid)
            self._reporting.bound(pod, node)
            log.info("scheduled", pod=info.key, node=node)
            return
        if outcome.result is BindResult.FAILED:
            self._failed(info, outcome.message, started)
            return
        self._give_back(info)
        self._queue.delete(info.uid)
        if outcome.result is BindResult.GONE:
            log.info("pod gone before binding", pod=info.key)
        else:
            log.warning("somebody else bound the pod", pod=info.key, why=outcome.message)
        self._work.set()

    def _failed(self, info: PodInfo, message: str, started: float) -> None:
        """In the words of kube-scheduler, where a plugin binds."""
        self._give_up(info, f'running Bind plugin "DefaultBinder": {message}', started)

    def _give_up(self, info: PodInfo, message: str, started: float) -> None:
        """The pod keeps no node, and is tried again after a backoff."""
        self._give_back(info)
        self._metrics.attempt("error", time.perf_counter() - started, info.pod.spec.scheduler_name)
        self._metrics.problem("binding")
        queued = self._queue.get(info.uid)  # the pod as it is now: it may have been nominated meanwhile
        self._reporting.faulted(info.pod if queued is None else queued.pod, message)
        if self._queue.fail(info.uid, now()):
            self._resolve(info.pod)
        self._work.set()

    def _give_back(self, info: PodInfo) -> None:
        """The room that the pod would have taken is free again: whoever waits for room may be helped."""
        self._cache.forget(info.uid)
        self._events.happened(EventKind.ASSIGNED_POD_DELETE, info.pod, None)
