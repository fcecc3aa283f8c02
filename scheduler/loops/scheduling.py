"""The scheduling loop: pop a pod, decide, assume, hand over to binding, or to preempting where there is no room.

Owns the order of those steps and nothing of their content. While this process does not lead, none of them is made, and
the queue is left to fill. Between a pop and its decision there is no await, so the
picture of the cluster cannot change under a decision; that, not a lock, is what makes it consistent. The loop lets
others run after each slice of work, and stops taking decisions while too many bindings are under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.diagnosis import FitError
from scheduler.framework.status import AttemptError
from scheduler.loops.binding import Binding
from scheduler.loops.clock import WakeUp, now
from scheduler.loops.decisions import Decision, Decisions
from scheduler.loops.leadership import Leadership
from scheduler.loops.preempting import Preempting, Verdict
from scheduler.loops.reporting import Reporting
from scheduler.queue.queued_pod import QueuedPod, Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

SLICE = 0.005
"""Seconds of decisions after which the event loop gets its turn: what a watch event or a probe may have to wait."""


class Scheduling:
    """Runs until cancelled.

    ``cycles``: by the name that pods give in ``spec.schedulerName``. ``resolve`` is called with each pod whose images
    the queue wants to know.
    """

    def __init__(
        self,
        cache: Cache,
        queue: SchedulingQueue,
        cycles: Mapping[str, SchedulingCycle],
        binding: Binding,
        preempting: Preempting,
        reporting: Reporting,
        resolve: Callable[[Pod], None],
        work: WakeUp,
        metrics: Metrics,
        leadership: Leadership,
        decisions: Decisions,
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._cycles = cycles
        self._binding = binding
        self._preempting = preempting
        self._reporting = reporting
        self._resolve = resolve
        self._work = work
        self._metrics = metrics
        self._leadership = leadership
        self._decisions = decisions

    async def run(self) -> None:
        if not self._leadership.holds():
            await self._leadership.wait()
            self._ask_again()
        while True:
            await self._leadership.wait()
            for pod in self._queue.wake(now()):
                self._resolve(pod)
            await self._binding.room()
            more = self._work_a_slice()
            self._binding.expect(more)
            if more:
                await asyncio.sleep(0)
            else:
                await self._work.wait_until(self._queue.next_wake())

    def _ask_again(self) -> None:
        """What was learnt of images while standing by was told to nobody: a pod that waits for one is to hear of it."""
        for queued in list(self._queue):
            if queued.stage is Stage.AWAITING_IMAGES:
                self._resolve(queued.pod)

    def _work_a_slice(self) -> bool:
        """Decides pods until time, pods or room for bindings run out. True if pods may be left."""
        end = now() + SLICE
        while now() < end and self._binding.has_room() and self._leadership.holds():
            queued = self._queue.pop(now())
            if queued is None:
                return False
            self._attempt(queued)
        return True

    def _attempt(self, queued: QueuedPod) -> None:
        started = time.perf_counter()
        try:
            info = make_pod_info(queued.pod, queued.images, self._cache.classes)
            cycle = self._cycles[queued.pod.spec.scheduler_name]
            decision = cycle.decide(info)
            if isinstance(decision, Placed):
                self._cache.assume(info, decision.node)
            else:
                verdict = self._make_room(cycle, info, decision.fit_error)
        except AttemptError as error:
            self._faulted(queued, str(error), time.perf_counter() - started)
            return
        except Exception as error:  # whatever one pod provokes must cost that pod only
            log.exception("decision failed", pod=queued.pod.key)
            self._faulted(queued, f"{type(error).__name__}: {error}", time.perf_counter() - started)
            return
        took = time.perf_counter() - started
        self._metrics.algorithm_seconds.observe(took)
        if isinstance(decision, Placed):
            self._note(
                queued,
                took,
                node=decision.node,
                score=decision.score,
                feasible_nodes=decision.feasible,
                evaluated_nodes=decision.evaluated,
            )
            self._reporting.placed(queued.pod)
            self._binding.submit(queued, info, decision.node, started)
            return
        plugins = decision.fit_error.rejecting_plugins
        self._note(queued, took, message=verdict.message, rejected_by=tuple(sorted(plugins)))
        self._metrics.attempt("unschedulable", took, queued.pod.spec.scheduler_name)
        self._reporting.unschedulable(queued.pod, verdict.message, verdict.nominated)
        if self._queue.park(queued.uid, plugins, now()):
            self._resolve(queued.pod)

    def _make_room(self, cycle: SchedulingCycle, info: PodInfo, fit_error: FitError) -> Verdict:
        began = time.perf_counter()
        verdict = self._preempting.consider(cycle, info, fit_error)
        status = "Success" if verdict.nominated else "Unschedulable"
        seconds = time.perf_counter() - began
        self._metrics.extension_point("PostFilter", status, seconds, info.pod.spec.scheduler_name)
        return verdict

    def _faulted(self, queued: QueuedPod, message: str, took: float) -> None:
        self._note(queued, took, fault=message)
        self._preempting.withdraw(queued.pod)
        self._metrics.attempt("error", took, queued.pod.spec.scheduler_name)
        self._reporting.faulted(queued.pod, message)
        if self._queue.fail(queued.uid, now()):
            self._resolve(queued.pod)

    def _note(self, queued: QueuedPod, took: float, **found: Any) -> None:
        pod = queued.pod
        decision = Decision(time.time(), pod.metadata.uid, pod.spec.scheduler_name, queued.attempts, took, **found)
        self._decisions.note(pod.key, decision)
        log.debug("decided", pod=pod.key, attempt=queued.attempts, took=took, **found)
