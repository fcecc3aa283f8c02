"""One run of one contender: pods that wait all at once, or come at a steady rate.

Owns the order of a run. For a burst the contender stands still (SIGSTOP) while the pods are created, so that creating
them costs nothing that is measured; what it costs is counted from SIGCONT until it has nothing left to do, events
included.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.e2e.arena import PODS, Arena
from bench.e2e.churning import Churning, beside
from bench.e2e.contenders import Contender
from bench.e2e.course import Course
from bench.e2e.progress import Progress
from bench.e2e.usage import Resident, cpu_seconds, resident
from tests.cluster.processes import Process

LONGEST = 300.0
"""Seconds without any pod bound after which a run has failed."""


class RunFailed(Exception):
    """Pods were not bound, or the contender's log tells of an error."""


@dataclass(frozen=True, slots=True)
class Burst:
    """CPU in seconds per pod. ``cpu_to_bind``: of all these processes until the last pod was bound. It says how fast
    they would be if nobody else used the machine. ``helper_cpu``: of the contender's helper, 0 without one."""

    pods: int
    seconds: float
    cpu_to_bind: float
    scheduler_cpu: float
    api_server_cpu: float
    etcd_cpu: float
    helper_cpu: float
    events: int
    memory: Resident

    @property
    def rate(self) -> float:
        """Pods per second, from the first bound to the last."""
        return (self.pods - 1) / self.seconds

    def __str__(self) -> str:
        used = (self.scheduler_cpu, self.api_server_cpu, self.etcd_cpu, *([self.helper_cpu] if self.helper_cpu else []))
        return (
            f"{self.rate:,.0f} pods/s, {1 / self.cpu_to_bind:,.0f} bound per CPU second of all,"
            f" ms CPU per pod {' + '.join(f'{each * 1e3:.2f}' for each in used)},"
            f" {self.memory.peak:,.0f} MB, {self.events:,} events"
        )


@dataclass(frozen=True, slots=True)
class Steady:
    """Seconds from created to bound, sorted. ``scheduler_cpu``: per pod."""

    latencies: list[float]
    scheduler_cpu: float

    def percentile(self, percent: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]

    def __str__(self) -> str:
        times = ", ".join(f"p{percent} {self.percentile(percent) * 1e3:,.1f} ms" for percent in (50, 90, 99))
        return f"{times}, {self.scheduler_cpu * 1e3:.2f} ms CPU per pod"


async def burst(arena: Arena, contender: Contender, course: Course, progress: Progress) -> Burst:
    """All measured pods of the course at once. Raises RunFailed."""
    async with _running(arena, contender, course, progress) as process:
        before = list(arena.journal.bound)
        pods = course.measured(contender.scheduler_name)
        os.kill(process.pid, signal.SIGSTOP)
        await arena.create(PODS, pods, lambda count: progress(f"creating pods: {count:,}"))
        await arena.collect_garbage()
        await asyncio.sleep(1.0)
        helper = contender.helper(process)
        processes = [process, arena.plane.api_server, arena.plane.etcd, *([] if helper is None else [helper])]
        start = [cpu_seconds(each.pid) for each in processes]
        arena.journal.clear()
        os.kill(process.pid, signal.SIGCONT)
        async with _churn(arena, course, before):
            await _until_bound(arena, len(pods), progress)
        to_bind = sum(cpu_seconds(each.pid) - begun for each, begun in zip(processes, start, strict=True)) / len(pods)
        await _until_quiet(arena, process, progress)
        scheduler, api_server, etcd, *helpers = (
            (cpu_seconds(each.pid) - begun) / len(pods) for each, begun in zip(processes, start, strict=True)
        )
        seconds, memory = arena.journal.seconds_of_binding(), resident(process.pid)
        used = scheduler, api_server, etcd, sum(helpers)
        return Burst(len(pods), seconds, to_bind, *used, arena.journal.events, memory)


async def steady(
    arena: Arena, contender: Contender, course: Course, rate: float, seconds: float, progress: Progress
) -> Steady:
    """Pods of the course at a steady rate for so many seconds. Raises RunFailed."""
    async with _running(arena, contender, course, progress) as process:
        pods = course.measured(contender.scheduler_name)[: int(rate * seconds)]
        arena.journal.clear()
        start = cpu_seconds(process.pid)
        await arena.create_steadily(pods, rate, lambda count: progress(f"{count:,} of {len(pods):,} created"))
        await _until_bound(arena, len(pods), progress)
        await _until_quiet(arena, process, progress)
        return Steady(arena.journal.latencies(), (cpu_seconds(process.pid) - start) / len(pods))


@contextlib.asynccontextmanager
async def _running(arena: Arena, contender: Contender, course: Course, progress: Progress) -> AsyncIterator[Process]:
    """The contender, with the pods placed that come before; the arena is empty of pods afterwards."""
    folder = Path(tempfile.mkdtemp(dir=arena.folder))
    arena.journal.clear()
    process = contender.make(folder, arena.plane.kubeconfig)
    progress("starting")
    await asyncio.to_thread(process.start)
    try:
        before = course.before(contender.scheduler_name)
        if contender.schedules:
            await arena.create(PODS, before, lambda count: progress(f"creating pods: {count:,}"))
            await _until_bound(arena, len(before), progress)
            await _until_quiet(arena, process, progress)
        yield process
    finally:
        await asyncio.to_thread(process.stop)
        _check(contender, process)
        await arena.clear(lambda left: progress(f"deleting pods: {left:,} left"))


@contextlib.asynccontextmanager
async def _churn(arena: Arena, course: Course, before: list[str]) -> AsyncIterator[None]:
    churnings = [Churning(arena, step, before) for step in course.churn()]
    task = asyncio.create_task(beside(churnings, arena))
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for churning in churnings:
            await churning.settle()


async def _until_bound(arena: Arena, pods: int, progress: Progress) -> None:
    seen, since = -1, asyncio.get_running_loop().time()
    while (bound := len(arena.journal.bound)) < pods:
        now = asyncio.get_running_loop().time()
        if bound != seen:
            seen, since = bound, now
        elif now - since > LONGEST:
            raise RunFailed(f"only {bound} of {pods} pods were bound, and none in the last {LONGEST:.0f} s")
        progress(f"{bound:,} of {pods:,} bound")
        await asyncio.sleep(0.05)
        arena.journal.read()


async def _until_quiet(arena: Arena, process: Process, progress: Progress) -> None:
    """No event is written and no CPU used for a second."""
    while True:
        events, cpu = arena.journal.events, cpu_seconds(process.pid)
        progress(f"all bound; {events:,} events")
        await asyncio.sleep(1.0)
        arena.journal.read()
        if arena.journal.events == events and cpu_seconds(process.pid) - cpu < 0.05:
            return


def _check(contender: Contender, process: Process) -> None:
    for line in process.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if any(sign in line for sign in contender.complaints):
            raise RunFailed(f"{contender.title} complained: {line}")
