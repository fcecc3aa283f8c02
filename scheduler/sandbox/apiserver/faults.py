"""Faults on demand: what a test or a demo asks the API server to do wrong, and for how many requests.

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
    ) -> None:
        """Answer the next ``times`` requests with an error. ``path`` is searched in the URL's path as a pattern."""
        error = StatusError(status, reason, message, retry_after=retry_after)
        self._order(method, path, Fault("refuse", error), times)

    def hang_up(self, method: str, path: str, *, after_effect: bool, times: int = 1) -> None:
        """Close the connection without an answer, before or after the request has taken effect."""
        self._order(method, path, Fault("hang_up" if after_effect else "hang_up_before"), times)

    def delay(self, method: str, path: str, *, seconds: float, times: int = 1) -> None:
        """Wait before doing the request."""
        self._order(method, path, Fault("delay", seconds=seconds), times)

    def clear(self) -> None:
        self._orders.clear()

    def next_for(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; one of its times is used up by asking."""
        for order in self._orders:
            if order.method == method and order.path.search(path):
                order.left -= 1
                if not order.left:
                    self._orders.remove(order)
                return order.fault
        return None

    def _order(self, method: str, path: str, fault: Fault, times: int) -> None:
        if times > 0:
            self._orders.append(_Order(method, re.compile(path), fault, times))
