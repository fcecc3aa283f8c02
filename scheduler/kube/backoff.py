"""Delays that grow while something keeps failing.

Owns only the arithmetic: randomness comes from outside, waiting is the caller's.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """``initial * factor**n`` seconds, at most ``limit``, then lengthened by up to the part ``jitter`` of itself.

    The defaults are those of client-go's reflector (``tools/cache/reflector.go``): clients that lost their API server
    together come back spread over a time as long as their delay.
    """

    def __init__(
        self,
        initial: float = 0.8,
        factor: float = 2.0,
        limit: float = 30.0,
        jitter: float = 1.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._initial = initial
        self._factor = factor
        self._limit = limit
        self._jitter = jitter
        self._draw = draw
        self.failures = 0
        """How many delays were given out since the last ``reset``."""

    def next(self) -> float:
        """The seconds to wait after one more failure."""
        # The exponent is bounded because a server that is away for a week would overflow a float.
        delay = min(self._limit, self._initial * self._factor ** min(self.failures, 64))
        self.failures += 1
        return delay * (1.0 + self._jitter * self._draw())

    def reset(self) -> None:
        """Something succeeded: start over."""
        self.failures = 0
