"""What others may learn of the traffic with registries while it happens: a port, for metrics.

Nobody here keeps counts; who wants them gives an observer to the resolver.
"""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told from within the event loop, so it must be quick. ``registry`` is named as in messages for users."""

    def registry_answered(self, registry: str, method: str, status: int) -> None:
        """An answer came to one request; each step of a redirect, and each try, is one."""

    def registry_failed(self, registry: str, method: str) -> None:
        """A request ended without an answer: no connection, a timeout, a broken answer."""

    def registry_allows(self, registry: str, remaining: int) -> None:
        """So many pulls are left, by the registry's own word (`RateLimit-Remaining`)."""


class Nobody:
    """Is told and does nothing."""

    def registry_answered(self, registry: str, method: str, status: int) -> None:
        pass

    def registry_failed(self, registry: str, method: str) -> None:
        pass

    def registry_allows(self, registry: str, remaining: int) -> None:
        pass
