"""How long a pod waits before its next attempt.

kube-scheduler's rule (``pkg/scheduler/backend/queue/backoff_queue.go``): doubling from an initial to a longest time,
by the number of consecutive failures. The queue keeps the counts; this file only turns a count into seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """``initial`` and ``longest`` in seconds; ``longest`` 0 switches backoff off."""

    initial: float = 1.0
    longest: float = 10.0

    def duration(self, failures: int) -> float:
        """Seconds to wait after the given number of failures in a row (1, 2, 4, 8, 10, 10... by default)."""
        if failures <= 0 or self.longest <= 0:
            return 0.0
        doublings = min(failures - 1, 63)  # far past any cap, and short of float overflow
        return min(self.longest, self.initial * 2.0**doublings)
