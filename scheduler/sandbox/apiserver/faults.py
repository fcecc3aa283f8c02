"""Faults on demand: what a test or a demo asks the API server to do wrong, and for which and how many requests.

A method is an HTTP method, or WATCH for the GETs that are watches. A path is searched in the URL's path as a pattern.
Cutting watches and forgetting history, which concern the whole server, are methods of ``SandboxApiServer``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from scheduler.sandbox.apiserver.statuses import StatusError


@dataclass(slots=True)
class Fault:
    """What happens to a request.

    ``refuse`` answers the error instead of doing the request; ``hang_up`` does it and then closes the connection
    without an answer; ``hang_up_before`` closes the connection without doing it; ``delay`` waits before doing it.
    """

    kind: Literal["refuse", "hang_up", "hang_up_before", "delay"]
    error: StatusError | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class _Order:
    method: str
    path: re.Pattern[str]
    fault: Fault
    left: int
    every: int
    seen: int = 0

    def is_for(self, method: str, path: str, *, watch: bool) -> bool:
        """Whether the request is the one of so many that meets the fault."""
        if (self.method != method and not (watch and self.method == "WATCH")) or not self.path.search(path):
            return False
        self.seen += 1
        return self.seen % self.every == 0


@dataclass(slots=True)
class Faults:
    """The orders that are not used up, in the order they were given; the first that fits a request is used."""

    _orders: list[_Order] = field(default_factory=list)

    def refuse(
        self,
        method: str,
        path: str,
        *,
        status: int,
        reason: str = "",
        message: str = "a fault on demand",
        retry_after: int | None = None,
        times: int = 1,
        every: int = 1,
    ) -> None:
        """Answer requests with an error: ``times`` of them, the next ones or every so many of them."""
        error = StatusError(status, reason, message, retry_after=retry_after)
        self._order(method, path, Fault("refuse", error), times, every)

    def hang_up(self, method: str, path: str, *, after_effect: bool, times: int = 1, every: int = 1) -> None:
        """Close the connection without an answer, before or after the request has taken effect."""
        self._order(method, path, Fault("hang_up" if after_effect else "hang_up_before"), times, every)

    def delay(self, method: str, path: str, *, seconds: float, times: int = 1, every: int = 1) -> None:
        """Wait before doing the request."""
        self._order(method, path, Fault("delay", seconds=seconds), times, every)

    def clear(self) -> None:
        self._orders.clear()

    def next_for(self, method: str, path: str, *, watch: bool = False) -> Fault | None:
        """The fault that this request meets; one of its times is used up by asking."""
        for order in self._orders:
            if order.is_for(method, path, watch=watch):
                order.left -= 1
                if not order.left:
                    self._orders.remove(order)
                return order.fault
        return None

    def _order(self, method: str, path: str, fault: Fault, times: int, every: int) -> None:
        if times > 0:
            self._orders.append(_Order(method, re.compile(path), fault, times, every))
