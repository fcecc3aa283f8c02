"""Looks again, a moment later, at pods that were refused everywhere: our view may have been older than the caller's.

kube-scheduler tries a pod again when a node joins, or when room is freed, and asks us within a millisecond; our own
watch may bring the same news just after that. To kube-scheduler nothing happens then any more, and the pod would wait
for five minutes. Owns the short list of such pods; whether more nodes are possible now is asked of the way in which
filter is answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from scheduler.cluster.pod_info import PodInfo

DELAYS = (1.0, 5.0)
"""Seconds after a refusal: much later than a watch is behind, much sooner than the pod would be tried again."""

PERIOD = 0.25
MOST = 10_000
"""Refusals that are looked at again; older ones are let go."""


class _Look(NamedTuple):
    due: float
    info: PodInfo
    possible: int


class SecondLooks:
    """``possible``: on how many nodes a pod could run by our view; ``wake``: for pods for which that has grown."""

    def __init__(self, possible: Callable[[PodInfo], int], wake: Callable[[PodInfo], None]) -> None:
        self._possible = possible
        self._wake = wake
        self._queues: tuple[deque[_Look], ...] = tuple(deque(maxlen=MOST) for _ in DELAYS)

    def refused(self, info: PodInfo, now: float) -> None:
        """The pod was refused on every node that it was asked for with."""
        possible = self._possible(info)
        for queue, delay in zip(self._queues, DELAYS, strict=True):
            queue.append(_Look(now + delay, info, possible))

    def look(self, now: float) -> int:
        """Wakes the pods that are due and would have more nodes now; how many were looked at."""
        looked = 0
        for queue in self._queues:
            while queue and queue[0].due <= now:
                due = queue.popleft()
                looked += 1
                if self._possible(due.info) > due.possible:
                    self._wake(due.info)
        return looked

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PERIOD)
            self.look(loop.time())
