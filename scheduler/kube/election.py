"""Who of several schedulers leads: the rules by which one of them takes, keeps and gives up a lease.

A machine without clock or I/O: ``next`` says what to do now, and the other methods take in what came of it. The loop
``loops.electing`` does it, ``lease`` knows the requests.

                    +-- somebody else holds it: look again, wait until it is over ---+
                    v                                                                |
    STANDBY ------ read ---- free, given up, or unchanged for its whole duration --> write --- Conflict --> read anew
                                                                                     |
    LEADER  <------------------------------------------------------------------------+
       |  write every ``retry_period``; a failed or refused write may have taken effect, so read before the next
       +-- no success for ``renew_deadline``, or somebody else holds it --> Lost
       +-- ``stop`` --> write: held by nobody --> Released

Why there are never two: a leader counts from before it sends a write that succeeds, and stops after ``renew_deadline``.
Another one counts from after it saw that write, and waits for the ``duration``, which is longer. Each measures on its
own clock; the times in the lease are never compared, since clocks jump and differ. What the difference between the two
spans is for: to end what the leader has begun, and clocks that run at different speeds.

After client-go's ``tools/leaderelection``, whose defaults these are (kube-scheduler's: 15, 10 and 2 s). Unlike it, a
write in doubt is settled by reading instead of counting as lost, a deleted lease is no invitation while its holder may
still work, and time is counted from the sending of a write instead of from its answer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from scheduler.kube.lease import LeaseSpec
from scheduler.kube.timestamps import rfc3339_micro

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler.kube.lease import Lease

_TRIES = 3
"""Requests that may go unanswered, one after the other, before the lease is lost."""


class LeaseTiming(msgspec.Struct, frozen=True):
    """In seconds: ``retry_period`` < ``renew_deadline`` < ``duration``."""

    duration: int = 15
    """Others wait for so long after the last sign of life."""
    renew_deadline: float = 10.0
    """The leader stops when no renewal succeeded for so long."""
    retry_period: float = 2.0
    """Between two renewals, and between two looks of a standby."""


class Read(msgspec.Struct, frozen=True):
    """Read the lease, for at most so many seconds."""

    seconds: float


class Write(msgspec.Struct, frozen=True):
    """Change ``lease`` (None: create it) so that it says ``spec``, for at most so many seconds."""

    lease: Lease | None
    spec: LeaseSpec
    seconds: float


class Wait(msgspec.Struct, frozen=True):
    """Nothing is to be done before ``until``."""

    until: float


class Lost(msgspec.Struct, frozen=True):
    """This scheduler led and does not any more. The end."""

    why: str


class Released(msgspec.Struct, frozen=True):
    """This scheduler has stopped and does not hold the lease. The end."""


Action = Read | Write | Wait | Lost | Released


class Election:
    """One candidate. ``identity`` is its alone, also among its own restarts. ``draw`` gives numbers from 0 to 1.

    ``now`` is in seconds of a clock that never goes backwards and does not stand still while the machine sleeps. After
    a Read or Write one of ``answered``, ``missing``, ``refused`` and ``failed`` has to be called before ``next``.
    """

    def __init__(self, identity: str, timing: LeaseTiming, draw: Callable[[], float]) -> None:
        self._identity = identity
        self._timing = timing
        self._draw = draw
        self.leads_until = -math.inf
        """Before this time, and not after it, this candidate may act as the leader."""
        self.holds_until = -math.inf
        """Before this time nobody else leads."""
        self._leading = False
        self._stopping = False
        self._end: Lost | Released | None = None
        self._lease: Lease | None = None
        self._current = False
        """Whether ``_lease`` is what to change: it was read or written, and nothing has gone wrong since."""
        self._held: LeaseSpec | None = None
        """What the lease said when it was last there, since ``_held_at``."""
        self._held_at = -math.inf
        self._due = -math.inf
        self._asked: Read | Write | None = None
        self._asked_at = -math.inf
        self._in_doubt = False
        """Whether a write may have made us the holder without our knowing."""
        self._refusals = 0

    def next(self, now: float, time_of_day: float) -> Action:
        """What to do. ``time_of_day``, in seconds since 1970, is only written down."""
        if self._end is None and self._leading and now >= (self.holds_until if self._stopping else self.leads_until):
            self._lose(f"the lease could not be renewed for {self._timing.renew_deadline:g} s")
        if self._end is None and self._stopping and not self._leading and not self._in_doubt:
            self._end = Released()
        if self._end is not None:
            return self._end
        if now < self._due:
            return Wait(min(self._due, self.leads_until) if self._leading else self._due)
        self._asked, self._asked_at = self._request(now, time_of_day), now
        return self._asked

    def stop(self) -> None:
        """Give up the lease, if this candidate holds it; all that the leader does must have ended."""
        self._stopping = True
        self._due = -math.inf

    def hint(self, now: float) -> None:
        """The lease seems to have changed: a standby looks at once."""
        if not self._leading:
            self._current = False
            self._due = now

    # What came of a request

    def answered(self, lease: Lease, now: float) -> None:
        """It succeeded; the lease is now this."""
        self._note(lease, now)
        asked = self._asked
        if not isinstance(asked, Write):
            self._judge(now)
            return
        self._in_doubt = False
        self._refusals = 0
        if asked.spec.holder_identity != self._identity:
            self._end = Released()
            return
        self._leading = True
        self.leads_until = self._asked_at + self._timing.renew_deadline
        self.holds_until = self._asked_at + self._timing.duration
        if not self._stopping:
            self._due = self._asked_at + self._timing.retry_period

    def missing(self, now: float) -> None:
        """There is no lease. Whoever held it may not know that yet."""
        self._lease, self._current = None, True
        self._judge(now)

    def refused(self, now: float) -> None:
        """The write was not made from the newest version. That may be our own write, sent twice."""
        self._current = False
        self._in_doubt = True
        self._refusals += 1
        # Once is chance, and it is urgent; if it goes on somebody keeps changing the lease.
        self._due = now if self._refusals == 1 else now + self._timing.retry_period / 4

    def failed(self, now: float) -> None:
        """No answer, or none that tells whether the request took effect."""
        self._current = False
        if isinstance(self._asked, Write) and self._asked.spec.holder_identity == self._identity:
            self._in_doubt = True
        # After a long silence the next try follows soon: only so many fit before the deadline.
        self._due = max(self._asked_at + self._timing.retry_period, now + self._timing.retry_period / 4)

    # The rules

    def _request(self, now: float, time_of_day: float) -> Read | Write:
        seconds = self._timing.renew_deadline / _TRIES
        if self._leading and not self._stopping:
            seconds = min(seconds, self.leads_until - now)
        if not self._current:
            return Read(seconds)
        if self._stopping:
            # From the moment it is sent, somebody else may lead.
            self.leads_until = -math.inf
            return Write(self._lease, self._abdication(time_of_day), seconds)
        return Write(self._lease, self._claim(time_of_day), seconds)

    def _note(self, lease: Lease, now: float) -> None:
        self._lease, self._current = lease, True
        if lease.spec != self._held:
            self._held, self._held_at = lease.spec, now

    def _judge(self, now: float) -> None:
        """Something was read."""
        self._due = now
        if self._lease is not None and self.holder == self._identity:
            return  # also if it was a write in doubt that made it so: the next one makes it certain
        self._in_doubt = False
        if self._stopping:
            self._end = Released()
        elif self._leading:
            if self._lease is not None:
                self.holds_until = -math.inf
                self._lose(f"{self.holder or 'nobody'} holds the lease")
        elif now < self._over_at:
            self._current = False
            pause = self._timing.retry_period * (1.0 - 0.2 * self._draw())  # standbys spread themselves
            self._due = min(now + pause, self._over_at)

    @property
    def holder(self) -> str:
        """Who held the lease when it was last seen; empty for nobody."""
        return "" if self._held is None else self._held.holder_identity

    @property
    def _over_at(self) -> float:
        """When whoever held the lease, as far as we saw, has stopped to work."""
        if self._held is None or self.holder in ("", self._identity):
            return -math.inf
        return self._held_at + (self._held.lease_duration_seconds or self._timing.duration)

    def _claim(self, time_of_day: float) -> LeaseSpec:
        time = rfc3339_micro(time_of_day)
        held = self._held or LeaseSpec()
        renewed = self.holder == self._identity
        return msgspec.structs.replace(
            held,
            holder_identity=self._identity,
            lease_duration_seconds=self._timing.duration,
            acquire_time=held.acquire_time if renewed else time,
            renew_time=time,
            lease_transitions=held.lease_transitions + (0 if renewed or self._held is None else 1),
        )

    def _abdication(self, time_of_day: float) -> LeaseSpec:
        time = rfc3339_micro(time_of_day)
        return msgspec.structs.replace(
            self._held or LeaseSpec(), holder_identity="", lease_duration_seconds=1, acquire_time=time, renew_time=time
        )

    def _lose(self, why: str) -> None:
        self._leading = False
        self.leads_until = -math.inf
        self._end = Lost(why)
