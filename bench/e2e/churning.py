"""What happens beside the measured pods: others come and go, one step for every so many pods bound."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from bench.e2e.arena import PODS, Arena
from bench.e2e.course import path_of
from bench.workloads import Churn, Step
from scheduler.kube.errors import NotFound

_AT_ONCE = b'{"gracePeriodSeconds": 0}'


class Churning:
    """One ``Churn`` of a workload. ``placed``: the pods there, the oldest first. ``settle`` removes what it made."""

    def __init__(self, arena: Arena, step: Step, placed: list[str]) -> None:
        if not isinstance(step.op, Churn):
            raise TypeError(f"{step.op} is no churn")
        self._arena = arena
        self._step = step
        self._op = step.op
        self._done = 0
        self._there: list[str] = []
        self._placed = iter(placed)

    async def keep_up(self, bound: int) -> None:
        """All steps that are due when so many of the measured pods are bound."""
        while self._done < bound // self._op.every:
            await self._move()
            self._done += 1

    async def settle(self) -> None:
        for path in self._there:
            await self._delete(path)

    async def _move(self) -> None:
        if self._op.mode == "delete":
            await self._delete(f"{PODS}/{next(self._placed)}")
            return
        document = self._step.template.make(self._step.first + self._done, self._done)
        path = path_of(self._step)
        await self._arena.client.post(path, document)
        self._there.append(f"{path}/{msgspec.json.decode(document)['metadata']['name']}")
        if self._op.mode == "recreate" and len(self._there) > self._op.number:
            await self._delete(self._there.pop(0))

    async def _delete(self, path: str) -> None:
        with suppress(NotFound):
            await self._arena.client.delete(path, _AT_ONCE)


async def beside(churnings: list[Churning], arena: Arena) -> None:
    """Until cancelled."""
    while True:
        for churning in churnings:
            await churning.keep_up(len(arena.journal.bound))
        await asyncio.sleep(0.02)
