"""Holds what the scheduler has in memory against the API server, when it is asked to (SIGUSR2, as kube-scheduler).

Owns the second cache and queue, which are filled from fresh lists by the handlers of the real ones and thrown away
again. What must agree is said by ``cluster.comparison``. Nothing is repaired: a difference is a fault to be found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any

import structlog

from scheduler.cluster.cache import Cache
from scheduler.cluster.comparison import differences
from scheduler.kube.reflector import Reflector
from scheduler.kube.requests import ApiClient
from scheduler.loops.clock import WakeUp
from scheduler.loops.watches import cluster_watches
from scheduler.loops.watching import EventSink, PodWatch
from scheduler.loops.watching_selection import NamespaceLabelWatch
from scheduler.queue.backoff import Backoff
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

SETTLE_SECONDS = 1.0
"""What differs only once is news under way: it is looked at again so much later, with no watch paused meanwhile."""

LIST_SECONDS = 60.0
MOST_TOLD = 20


class Comparing:
    """Compares whenever ``request`` was called since the last time. ``watches`` are those that fill the memory."""

    def __init__(
        self,
        client: ApiClient,
        scheduler_names: Collection[str],
        cache: Cache,
        queue: SchedulingQueue,
        watches: Collection[Reflector[Any]],
    ) -> None:
        self._client = client
        self._scheduler_names = scheduler_names
        self._cache = cache
        self._queue = queue
        self._watches = watches
        self._metrics = Metrics()
        self._requested = asyncio.Event()

    def request(self) -> None:
        self._requested.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            try:
                found = await self.lasting_differences()
            except TimeoutError:
                log.error("not compared with the API server", why=f"no lists within {LIST_SECONDS:g} s")
                continue
            size = {"nodes": len(self._cache.nodes), "placed": len(self._cache), "pending": len(self._queue)}
            if found:
                log.error("differs from the API server", count=len(found), first=found[:MOST_TOLD], **size)
            else:
                log.info("equals the API server", **size)

    async def lasting_differences(self) -> list[str]:
        """What differs twice in a row. Raises TimeoutError when the API server does not answer."""
        first = await self._differences()
        if not first:
            return []
        await self._settled()
        again = set(await self._differences())
        return [difference for difference in first if difference in again]

    async def _settled(self) -> None:
        """What was under way has come in. A watch that fails for longer than LIST_SECONDS is a fault by itself."""
        deadline = time.monotonic() + LIST_SECONDS
        calm = False
        while not calm and time.monotonic() < deadline:
            paused = any(watch.paused for watch in self._watches)
            await asyncio.sleep(SETTLE_SECONDS)
            calm = not paused and not any(watch.paused for watch in self._watches)

    async def _differences(self) -> list[str]:
        cache, queue = await self._filled_anew()
        ours, theirs = ({queued.uid: queued.pod.key for queued in each} for each in (self._queue, queue))
        return [
            *(f"pod {ours[uid]} ({uid}) is queued and is not pending" for uid in ours.keys() - theirs.keys()),
            *(f"pod {theirs[uid]} ({uid}) is pending and not queued" for uid in theirs.keys() - ours.keys()),
            *differences(self._cache, cache),
        ]

    async def _filled_anew(self) -> tuple[Cache, SchedulingQueue]:
        cache, queue, work = Cache(), SchedulingQueue({}, Backoff(1.0, 1.0), image_plugin=""), WakeUp()
        events = EventSink(queue, work, self._metrics)
        pods = PodWatch(self._scheduler_names, cache, queue, events, work, lambda pod: None, self._metrics)
        watches = cluster_watches(
            self._client, cache, events, NamespaceLabelWatch(cache), pods, on_problem=lambda problem: None
        )
        tasks = [asyncio.create_task(watch.run()) for watch in watches.values()]
        try:
            async with asyncio.timeout(LIST_SECONDS):
                for watch in watches.values():
                    await watch.synced.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return cache, queue
