"""Wake-ups for a loop: something was added, or a deadline came.

Owns the waiting only; what there is to do is asked of the queue.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable


def now() -> float:
    """Seconds of the clock that all loops share; never goes backwards, unlike the time of day."""
    return time.monotonic()


def now_asleep_too() -> float:
    """Like ``now``, but of a clock that also runs while the machine sleeps, where the system has one."""
    return time.monotonic() if _ASLEEP_TOO is None else time.clock_gettime(_ASLEEP_TOO)


_ASLEEP_TOO: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class WakeUp:
    """An event that can also be waited for with a deadline on ``clock``."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait_until(self, deadline: float) -> None:
        """Returns when ``set`` was called since the last wait, or at the deadline (infinite: never)."""
        if not self._event.is_set():
            timeout = None if deadline == math.inf else max(0.0, deadline - self._clock())
            try:
                await asyncio.wait_for(self._event.wait(), timeout)
            except TimeoutError:
                return
        self._event.clear()
