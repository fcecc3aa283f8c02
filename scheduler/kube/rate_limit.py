"""So many per second, with a burst: arithmetic only.

The generic cell rate algorithm: one number, the time at which the next turn would be due at an even pace.
"""

from __future__ import annotations


class RateLimit:
    """``rate`` turns per second, ``burst`` of them at once after a pause."""

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1.0 / rate
        self._burst = burst
        self._due = float("-inf")

    def reserve(self, now: float) -> float:
        """Take a turn; returns the seconds until it comes. ``now`` is a monotonic time in seconds."""
        self._due = max(self._due, now - self._interval * (self._burst - 1))
        delay = self._due - now
        self._due += self._interval
        return max(0.0, delay)
