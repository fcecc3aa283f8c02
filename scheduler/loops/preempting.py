"""Makes room: asks after a failed attempt where that is possible, notes the nomination, and evicts the victims.

Owns the order (upstream: ``framework/preemption/executor.go``). Finding out is synchronous, part of the attempt, and
ends in a nomination that later decisions respect at once. Evicting takes requests, so it goes on beside the scheduling
loop: all victims but one at the same time, the last one alone, so that the pod is not tried again before all are on
their way out; until then the queue holds it. If a victim could not be evicted, the last is spared and the pod is tried
again, which finds out anew. Where all victims are on their way out already, only the nomination is left to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, uid_of
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.diagnosis import FitError
from scheduler.framework.post_filter import Candidate, Nominating
from scheduler.kube.errors import ApiError
from scheduler.kube.pod_status import patch_nomination
from scheduler.kube.preemption import evict_for_preemption
from scheduler.kube.requests import ApiClient
from scheduler.loops.clock import WakeUp, now
from scheduler.loops.reporting import Reporting
from scheduler.loops.volumes import VolumeBinder
from scheduler.loops.watching import EventSink
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is written about the pod. ``nominated``: to which node, empty if to none; None leaves it as it is."""

    message: str
    nominated: str | None


class Preempting:
    """Evictions go on until ``stop``."""

    def __init__(
        self,
        client: ApiClient,
        cache: Cache,
        queue: SchedulingQueue,
        events: EventSink,
        reporting: Reporting,
        work: WakeUp,
        metrics: Metrics,
        volumes: VolumeBinder,
    ) -> None:
        self._client = client
        self._cache = cache
        self._queue = queue
        self._events = events
        self._reporting = reporting
        self._work = work
        self._metrics = metrics
        self._volumes = volumes
        self._tasks: set[asyncio.Task[None]] = set()

    def consider(self, cycle: SchedulingCycle, info: PodInfo, fit_error: FitError) -> Verdict:
        """Whether room can be made for a pod that found no node; if so, that is begun. Must follow its ``decide``."""
        if not fit_error.nodes:
            self.withdraw(info.pod)
            return Verdict(fit_error.message, "")
        result = cycle.post_filter(info, fit_error)
        if result is None:
            return Verdict(fit_error.message, None)
        message = f"{fit_error.message} {result.message}"
        if result.nominating is Nominating.KEEP:
            return Verdict(message, None)
        if result.chosen is None:
            self.withdraw(info.pod)
        else:
            self._cache.nominate(info.pod, result.node)
            self._begin(info, result.chosen)
        return Verdict(message, result.node)

    def withdraw(self, pod: Pod) -> None:
        """The pod is to have room nowhere any more: those who left it that room may be helped.

        They are when the watch shows that its status says so too, unless that never said otherwise.
        """
        if self._cache.nominations.withdraw(uid_of(pod)) and not pod.status.nominated_node_name:
            self._events.withdrawn(pod)

    async def stop(self) -> None:
        """Evictions under way are given up: whoever leads next finds out anew."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, info: PodInfo, chosen: Candidate) -> None:
        self._metrics.preempted(len(chosen.victims))
        victims = [victim for victim in chosen.victims if victim.metadata.deletion_timestamp is None]
        if not victims:
            return
        self._queue.hold(info.uid)
        task = asyncio.create_task(self._carry_out(info.pod, chosen.node, victims), name=f"preempt for {info.key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, pod: Pod, node: str, victims: Sequence[Pod]) -> None:
        done = False
        try:
            done = await self._make_room(pod, node, victims)
        except Exception:  # a fault of ours must not hold the pod for ever
            log.exception("preemption failed", pod=pod.key, node=node)
        finally:
            self._queue.release(uid_of(pod), now(), retry=not done)
            self._work.set()

    async def _make_room(self, pod: Pod, node: str, victims: Sequence[Pod]) -> bool:
        """True once all victims are gone or on their way."""
        await self._take_nominations_back(pod, node)
        *others, last = victims
        if not all(await asyncio.gather(*(self._evict(victim, pod, node) for victim in others))):
            return False
        return await self._evict(last, pod, node)

    async def _take_nominations_back(self, pod: Pod, node: str) -> None:
        """Pods of lower priority that were promised this node must look elsewhere, once the watch shows them why."""
        for nominated in [placed.pod for placed in self._cache.nominations.on(node)]:
            if nominated.priority < pod.priority:
                try:
                    await patch_nomination(self._client, nominated, "")
                except ApiError as error:
                    self._problem("nomination not taken back", nominated, error)

    async def _evict(self, victim: Pod, pod: Pod, node: str) -> bool:
        """A victim whose claims are still being bound goes back to the queue instead, and need not be deleted."""
        if self._volumes.cancel(uid_of(victim), "preempted by DefaultPreemption"):
            self._reporting.preempted(victim, pod, node, deleted=False)
            return True
        message = f"{pod.spec.scheduler_name}: preempting to accommodate a higher priority pod"
        try:
            if await evict_for_preemption(self._client, victim, message, time.time()):
                self._reporting.preempted(victim, pod, node, deleted=True)
        except ApiError as error:
            self._problem("victim not evicted", victim, error)
            return False
        return True

    def _problem(self, what: str, pod: Pod, error: ApiError) -> None:
        self._metrics.problem("preemption")
        log.warning(what, pod=pod.key, why=str(error))
