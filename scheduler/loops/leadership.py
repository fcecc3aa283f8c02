"""Whether this process may decide and write: what all that works asks, and ``electing`` keeps up to date.

It says no by itself once the time is over for which the lease was won. A process that was stopped for a minute and then
goes on thus does nothing in the name of a lease that it has lost meanwhile, whichever of its tasks runs first.
"""

from __future__ import annotations

import asyncio
import math

from scheduler.loops.clock import now_asleep_too


class Leadership:
    """Holds until a time of ``now_asleep_too``; as made, for ever: there is no election."""

    def __init__(self, until: float = math.inf) -> None:
        self._until = until
        self._alone_until = until
        self._changed = asyncio.Event()

    def holds(self) -> bool:
        return now_asleep_too() < self._until

    def seconds_left(self) -> float:
        """For ending what was begun while it held: before that time is over nobody else leads."""
        return max(0.0, self._alone_until - now_asleep_too())

    def seconds_overdue(self) -> float:
        """How long ago the time was over; 0 while it holds, and where it never did."""
        return 0.0 if self._until == -math.inf else max(0.0, now_asleep_too() - self._until)

    async def wait(self) -> None:
        """Returns when this process leads; never, once that is lost."""
        while not self.holds():
            self._changed.clear()
            await self._changed.wait()

    def set(self, until: float, alone_until: float) -> None:
        """From now on it holds until then, or not at all if that is over; nobody else leads before ``alone_until``."""
        self._until = until
        self._alone_until = alone_until
        self._changed.set()
