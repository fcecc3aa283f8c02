"""Small writes to pods, a few at a time and at most one per pod waiting: whoever asks for one goes on at once.

Owns the bound on what is under way. What is written, and what a failure means, is the business of who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

MAX_IN_FLIGHT = 8

T = TypeVar("T")


class PodName(NamedTuple):
    """Which pod is meant, for good."""

    namespace: str
    name: str
    uid: str


class PodWrites(Generic[T]):
    """``write`` is called with a pod and what was asked for last; it must not raise."""

    def __init__(self, write: Callable[[PodName, T], Awaitable[None]], what: str) -> None:
        self._write = write
        self._what = what
        self._waiting: dict[PodName, T] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, pod: PodName, value: T) -> None:
        self._waiting[pod] = value
        if len(self._tasks) < MAX_IN_FLIGHT:
            task = asyncio.create_task(self._write_all(), name=self._what)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write_all(self) -> None:
        while self._waiting:
            pod = next(iter(self._waiting))
            await self._write(pod, self._waiting.pop(pod))
