"""When a registry is left alone: a state machine, one per registry.

    closed --(failures in a row)--> open --(pause over)--> probing --(success)--> closed
       ^                              ^                       |
       |                              +------(failure)--------+   the pause doubles, up to 16 times the first
       +--(pause over)-- limited <--(429 with Retry-After)-- any

Pure: `now` is an argument, in seconds of any monotonic clock. `transport` asks it before each request and tells it each
outcome.
"""

from __future__ import annotations

import enum

from scheduler.oci.errors import RegistryError

_LONGEST_DOUBLING = 16


class State(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"
    LIMITED = "limited"


class Breaker:
    """Whether one registry may be asked now."""

    __slots__ = ("_failures", "_pause", "_threshold", "_trips", "_until", "reason", "state")

    def __init__(self, threshold: int, pause: float) -> None:
        self.state = State.CLOSED
        self.reason: RegistryError | None = None
        """What opened it last."""
        self._threshold = threshold
        self._pause = pause
        self._failures = 0  # in a row
        self._trips = 0  # in a row, without a success between
        self._until = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the registry may be asked, 0 for now. Who gets 0 from an open one is its probe."""
        if self.state is State.CLOSED:
            return 0.0
        if self.state is State.PROBING:
            return self._pause
        if now < self._until:
            return self._until - now
        self.state = State.PROBING if self.state is State.OPEN else State.CLOSED
        return 0.0

    def succeeded(self) -> None:
        """An answer came that shows the registry at work, whatever it says."""
        self._failures = self._trips = 0
        if self.state is not State.LIMITED:
            self.state = State.CLOSED

    def failed(self, error: RegistryError, now: float) -> None:
        """A timeout, a refused connection, a TLS failure or a 5xx."""
        self._failures += 1
        if self.state is State.PROBING or self._failures >= self._threshold:
            self._open(State.OPEN, error, now + self._pause * min(2**self._trips, _LONGEST_DOUBLING))
            self._trips += 1

    def limited(self, error: RegistryError, now: float) -> None:
        """A 429. Without `Retry-After` it counts as one more failure."""
        if error.retry_after is None:
            self.failed(error, now)
        else:
            self._open(State.LIMITED, error, now + error.retry_after)

    def abandoned(self) -> None:
        """The request was given up before its outcome was known: the next one probes."""
        if self.state is State.PROBING:
            self.state = State.OPEN

    def _open(self, state: State, error: RegistryError, until: float) -> None:
        self.state = state
        self.reason = error
        self._until = until
        self._failures = 0
