"""Takes part in the election of the one scheduler that works, of all that run for the same pods.

Owns the doing of what ``kube.election`` says: each request bounded in time, on connections that nothing else can keep
busy. A standby also watches the lease, only to look at once when it changed: what counts is what it then reads. Losing
the lease ends the process, as kube-scheduler's, since what it had decided and not carried out must not be carried over
into a later term.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import socket
import time
import uuid
from collections.abc import Callable

import structlog

from scheduler.kube.election import Election, LeaseTiming, Lost, Read, Released, Wait, Write
from scheduler.kube.errors import ApiError, Conflict, NotFound, explain
from scheduler.kube.lease import LeaseRequests, NamedLease
from scheduler.kube.reflector import Reflector
from scheduler.loops.clock import WakeUp, now_asleep_too
from scheduler.loops.leadership import Leadership

log = structlog.get_logger()

RELEASE_SECONDS = 2.0
"""For giving up the lease at the end. When it does not succeed, others have to wait until it is over."""


class LeaseLost(Exception):
    """This process led and does not any more. The text says why."""


class Electing:
    """One candidate. ``on_problem`` gets a sentence for each request that failed."""

    def __init__(
        self, requests: LeaseRequests, timing: LeaseTiming, leadership: Leadership, on_problem: Callable[[str], None]
    ) -> None:
        self.identity = f"{socket.gethostname()}_{uuid.uuid4()}"
        self.lease = requests.name
        self._requests = requests
        self._leadership = leadership
        self._on_problem = on_problem
        self._election = Election(self.identity, timing, random.random)
        self._wake = WakeUp(now_asleep_too)
        self._changed = False
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Until ``release``. Raises LeaseLost."""
        watching = asyncio.create_task(self._watch(), name="watch the lease")
        try:
            await self._follow(watching)
        finally:
            watching.cancel()
            self._leadership.set(-math.inf, self._election.holds_until)
            self._ended.set()

    async def release(self) -> None:
        """Gives up the lease, if it is held, and ends ``run``. What the leader had begun must have ended."""
        self._election.stop()
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), RELEASE_SECONDS)

    async def _follow(self, watching: asyncio.Task[None]) -> None:
        known: tuple[str, bool] | None = None
        while True:
            action = self._election.next(now_asleep_too(), time.time())
            match action:
                case Wait():
                    await self._wait(action.until)
                case Read() | Write():
                    await self._try(action)
                case Lost():
                    raise LeaseLost(action.why)
                case Released():
                    return
            self._leadership.set(self._election.leads_until, self._election.holds_until)
            if known != (known := (self._election.holder, self._leadership.holds())):
                holder, leads = known
                log.info("leading" if leads else "standing by", holder=holder, me=self.identity)
                if leads:
                    watching.cancel()

    async def _wait(self, until: float) -> None:
        await self._wake.wait_until(until)
        if self._changed:
            self._changed = False
            self._election.hint(now_asleep_too())

    async def _try(self, action: Read | Write) -> None:
        election = self._election
        try:
            async with asyncio.timeout(action.seconds):
                lease = await (
                    self._requests.read()
                    if isinstance(action, Read)
                    else self._requests.write(action.lease, action.spec)
                )
        except NotFound:
            election.missing(now_asleep_too())
        except Conflict:
            election.refused(now_asleep_too())
        except ApiError as error:
            election.failed(now_asleep_too())
            self._problem(explain(error, self._requests.client.server))
        except TimeoutError:
            election.failed(now_asleep_too())
            self._problem(f"no answer from the API server {self._requests.client.server} in {action.seconds:.1f} s")
        else:
            election.answered(lease, now_asleep_too())

    def _problem(self, problem: str) -> None:
        self._on_problem(f"the lease {self._requests.namespace}/{self._requests.name}: {problem}")

    async def _watch(self) -> None:
        await Reflector(
            self._requests.client,
            self._requests.collection,
            NamedLease,
            _Hints(self._hint),
            field_selector=f"metadata.name={self._requests.name}",
            on_problem=self._on_problem,
        ).run()

    def _hint(self) -> None:
        self._changed = True
        self._wake.set()


class _Hints:
    """A reflector's handler that only tells that something changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def replaced(self, _leases: list[NamedLease]) -> None:
        self._changed()

    def added(self, _lease: NamedLease) -> None:
        self._changed()

    def modified(self, _lease: NamedLease) -> None:
        self._changed()

    def deleted(self, _lease: NamedLease) -> None:
        self._changed()
