"""The election against a simulated lease: never two leaders at a time, and soon another one when the leader is gone.

The simulation is of everything that the machine must survive: requests and answers that are late, lost, or take effect
after their sender has given them up; candidates that stop for a while and go on; clocks of different readings and
speeds, and a time of day that jumps.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.kube.election import Action, Election, LeaseTiming, Lost, Read, Released, Wait, Write
from scheduler.kube.lease import Lease, LeaseSpec

TIMING = LeaseTiming(duration=15, renew_deadline=10.0, retry_period=2.0)
NOON = 1_790_000_000.0
QUICK = 0.01  # seconds of a request in a calm network


# One candidate, step by step


def a_lease(
    holder: str, *, version: int = 1, renewed: str = "12:00", transitions: int = 0, duration: int = 15
) -> Lease:
    spec = LeaseSpec(
        holder_identity=holder,
        lease_duration_seconds=duration,
        acquire_time="11:00",
        renew_time=renewed,
        lease_transitions=transitions,
    )
    return Lease(msgspec.Raw(str(version).encode()), spec)


def an_election(now: float = 0.0) -> Election:
    """Of the candidate `me`, asked to read."""
    election = Election("me", TIMING, lambda: 0.0)
    assert isinstance(election.next(now, NOON), Read)
    return election


def a_leader(now: float = 0.0) -> Election:
    election = an_election(now)
    election.missing(now)
    grant(election, now)
    return election


def grant(election: Election, now: float, answered: float | None = None) -> LeaseSpec:
    """The machine writes, and the write succeeds."""
    write = election.next(now, NOON + now)
    assert isinstance(write, Write), write
    election.answered(Lease(msgspec.Raw(b"granted"), write.spec), now if answered is None else answered)
    return write.spec


def test_the_first_candidate_creates_the_lease_and_leads() -> None:
    election = an_election()
    election.missing(0.0)
    write = election.next(0.0, NOON)
    assert isinstance(write, Write)
    assert write.lease is None
    assert (write.spec.holder_identity, write.spec.lease_duration_seconds, write.spec.lease_transitions) == (
        "me",
        15,
        0,
    )
    election.answered(Lease(msgspec.Raw(b"1"), write.spec), 0.5)
    assert election.leads_until == 10.0, "counted from before the write was sent"


def test_a_lease_that_does_not_change_is_taken_after_its_own_duration_and_counted_as_a_transition() -> None:
    election = an_election()
    election.answered(a_lease("other", duration=20, transitions=4), 0.0)
    now = 0.0
    while isinstance(action := election.next(now, NOON), Wait):
        now = action.until
        assert isinstance(election.next(now, NOON), Read)
        election.answered(a_lease("other", duration=20, transitions=4), now)
    assert now == 20.0
    assert isinstance(action, Write)
    assert (action.spec.lease_transitions, action.spec.holder_identity) == (5, "me")
    assert action.spec.acquire_time == action.spec.renew_time != "12:00"


def test_a_renewal_seen_late_is_waited_for_from_then_on() -> None:
    election = an_election()
    election.answered(a_lease("other"), 0.0)
    assert isinstance(election.next(14.0, NOON), Read)
    election.answered(a_lease("other", renewed="12:14"), 14.0)
    assert isinstance(election.next(28.9, NOON), Read)
    election.answered(a_lease("other", renewed="12:14"), 28.9)
    assert election.next(28.9, NOON) == Wait(29.0)


def test_a_lease_that_was_given_up_is_taken_at_once() -> None:
    election = an_election()
    election.answered(a_lease("", transitions=2, duration=1), 0.0)
    assert grant(election, 0.0).lease_transitions == 3


def test_a_standby_that_is_hinted_looks_at_once() -> None:
    election = an_election()
    election.answered(a_lease("other"), 0.0)
    assert isinstance(election.next(0.5, NOON), Wait)
    election.hint(0.5)
    assert isinstance(election.next(0.5, NOON), Read)


def test_a_leader_renews_and_keeps_when_it_acquired() -> None:
    election = a_leader()
    assert election.next(0.5, NOON) == Wait(2.0)
    renewed = grant(election, 2.0, answered=3.0)
    assert (renewed.lease_transitions, election.leads_until) == (0, 12.0)
    assert renewed.acquire_time is not None
    assert renewed.renew_time is not None
    assert renewed.acquire_time < renewed.renew_time


def test_a_conflict_with_its_own_repeated_write_does_not_cost_the_lease() -> None:
    election = a_leader()
    write = election.next(2.0, NOON)
    assert isinstance(write, Write)
    election.refused(2.1)
    assert isinstance(election.next(2.1, NOON), Read), "at once"
    election.answered(Lease(msgspec.Raw(b"2"), write.spec), 2.2)
    grant(election, 2.2)
    assert election.leads_until == 12.2


def test_an_acquisition_whose_answer_was_lost_is_noticed() -> None:
    election = an_election()
    election.missing(0.0)
    write = election.next(0.0, NOON)
    assert isinstance(write, Write)
    election.failed(3.0)
    assert election.leads_until < 0.0, "not before it is certain"
    assert isinstance(election.next(4.0, NOON), Read)
    election.answered(Lease(msgspec.Raw(b"1"), write.spec), 4.0)
    assert grant(election, 4.0).lease_transitions == 0


def test_a_leader_that_cannot_renew_stops_at_the_deadline_and_not_before() -> None:
    election = a_leader()
    now = 2.0
    tries = 0
    while not isinstance(action := election.next(now, NOON), Lost):
        if isinstance(action, Wait):
            now = action.until
            continue
        assert isinstance(action, Read | Write)
        assert now + action.seconds <= 10.0 + 1e-9, "no try outlasts the lease"
        tries += 1
        now += action.seconds
        election.failed(now)
    assert now == pytest.approx(10.0)
    assert tries == 3
    assert "could not be renewed" in action.why
    assert election.holds_until == 15.0, "what was begun may still be ended"


def test_a_leader_that_slept_past_the_deadline_does_not_lead_when_it_wakes() -> None:
    election = a_leader()
    write = election.next(2.0, NOON)
    assert isinstance(write, Write)
    election.answered(Lease(msgspec.Raw(b"2"), write.spec), 40.0)
    assert election.leads_until == 12.0
    assert isinstance(election.next(40.0, NOON), Lost)


@pytest.mark.parametrize("holder", ["other", ""])
def test_a_leader_that_finds_another_holder_stops_at_once(holder: str) -> None:
    election = a_leader()
    election.next(2.0, NOON)
    election.refused(2.0)
    election.next(2.0, NOON)
    election.answered(a_lease(holder, version=9), 2.0)
    assert election.next(2.0, NOON) == Lost(f"{holder or 'nobody'} holds the lease")
    assert max(election.leads_until, election.holds_until) < 0.0


def test_a_lease_that_somebody_deleted_is_made_anew_by_its_holder() -> None:
    election = a_leader()
    election.next(2.0, NOON)
    election.missing(2.0)
    write = election.next(2.0, NOON)
    assert isinstance(write, Write)
    assert write.lease is None


def test_a_deleted_lease_is_no_invitation_while_its_holder_may_work() -> None:
    election = an_election()
    election.answered(a_lease("other"), 1.0)
    election.next(3.0, NOON)
    election.missing(3.0)
    assert isinstance(election.next(3.0, NOON), Wait)
    assert isinstance(election.next(16.0, NOON), Read)
    election.missing(16.0)
    assert isinstance(election.next(16.0, NOON), Write)


def test_whoever_stops_gives_the_lease_up_and_is_done() -> None:
    election = a_leader()
    election.stop()
    write = election.next(1.0, NOON)
    assert isinstance(write, Write)
    assert (write.spec.holder_identity, write.spec.lease_transitions, write.spec.lease_duration_seconds) == ("", 0, 1)
    assert election.leads_until < 0.0, "once it is sent, another one may lead"
    election.answered(Lease(msgspec.Raw(b"2"), write.spec), 1.1)
    assert election.next(1.1, NOON) == Released()


def test_a_standby_stops_without_a_request() -> None:
    election = an_election()
    election.answered(a_lease("other"), 0.0)
    election.stop()
    assert election.next(0.0, NOON) == Released()


def test_whoever_stops_in_doubt_makes_sure_that_it_holds_nothing() -> None:
    election = an_election()
    election.missing(0.0)
    acquired = election.next(0.0, NOON)
    assert isinstance(acquired, Write)
    election.failed(3.0)
    election.stop()
    assert isinstance(election.next(3.0, NOON), Read)
    election.answered(Lease(msgspec.Raw(b"1"), acquired.spec), 3.1)
    assert grant(election, 3.1).holder_identity == ""
    assert election.next(3.2, NOON) == Released()


def test_a_release_whose_answer_was_lost_is_not_repeated_once_another_one_holds_the_lease() -> None:
    election = a_leader()
    election.stop()
    election.next(1.0, NOON)
    election.failed(2.0)
    assert isinstance(election.next(3.0, NOON), Read)
    election.answered(a_lease("other"), 3.0)
    assert election.next(3.0, NOON) == Released()


# Many candidates


class Store:
    """The API server's lease."""

    def __init__(self) -> None:
        self.version = 0
        self.spec: LeaseSpec | None = None

    def do(self, action: Read | Write) -> Lease | str:
        """The lease, or how it is refused."""
        if isinstance(action, Write):
            expected = 0 if action.lease is None else int(bytes(action.lease.metadata))
            if expected != (self.version if self.spec is not None else 0):
                return "refused"
            self.version += 1
            self.spec = action.spec
        return "missing" if self.spec is None else Lease(msgspec.Raw(str(self.version).encode()), self.spec)


class Candidate:
    """An election with its own clock, which the simulation's true time goes through."""

    def __init__(self, name: str, offset: float, speed: float, draw: random.Random) -> None:
        self.name = name
        self.election = Election(name, TIMING, draw.random)
        self.offset = offset
        self.speed = speed
        self.paused_until = 0.0
        self.alive = True
        self.ended: Action | None = None
        self.request = 0
        """The number of the request under way: the answer to any other comes too late."""

    def clock(self, time: float) -> float:
        return self.offset + self.speed * time

    def true_time(self, reading: float) -> float:
        return (reading - self.offset) / self.speed

    def leads(self, time: float) -> bool:
        return self.alive and self.clock(time) < self.election.leads_until


class Simulation:
    """Runs candidates against one store. ``wild`` is how likely anything goes wrong, 0 to 1."""

    def __init__(self, count: int, draw: random.Random, wild: float) -> None:
        self.draw = draw
        self.wild = wild
        self.store = Store()
        self.time = 0.0
        self.leaders: list[tuple[float, str]] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count(1)
        speeds = [1.0 + wild * draw.uniform(-0.1, 0.1) for _ in range(count)]
        self.candidates = [
            Candidate(f"c{index}", draw.uniform(0, 1e6), speed, draw) for index, speed in enumerate(speeds)
        ]
        for candidate in self.candidates:
            self.at(draw.uniform(0, 3), partial(self.step, candidate))

    def at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.time, _, event = heapq.heappop(self._events)
            event()
            leaders = [candidate.name for candidate in self.candidates if candidate.leads(self.time)]
            assert len(leaders) <= 1, f"{leaders} lead at {self.time}"
            if leaders and (not self.leaders or self.leaders[-1][1] != leaders[0]):
                self.leaders.append((self.time, leaders[0]))
        self.time = until

    def leader(self) -> Candidate | None:
        return next((candidate for candidate in self.candidates if candidate.leads(self.time)), None)

    def step(self, candidate: Candidate) -> None:
        if not candidate.alive or candidate.ended is not None:
            return
        if self.time < candidate.paused_until:
            self.at(candidate.paused_until, lambda: self.step(candidate))
            return
        time_of_day = NOON + self.time + self.draw.uniform(-1e6, 1e6) * self.wild
        action = candidate.election.next(candidate.clock(self.time), time_of_day)
        match action:
            case Wait():
                self.at(max(self.time, candidate.true_time(action.until)) + 1e-6, lambda: self.step(candidate))
            case Read() | Write():
                self.send(candidate, action)
            case _:
                candidate.ended = action
        if self.draw.random() < 0.1 * self.wild:
            candidate.paused_until = self.time + self.draw.uniform(0, 40)

    def send(self, candidate: Candidate, action: Read | Write) -> None:
        number = candidate.request = next(self._numbers)
        there = self.delay()
        if not self.goes_wrong():  # else the request is lost
            self.at(self.time + there, lambda: self.arrive(candidate, action, number))
        self.at(self.time + action.seconds / candidate.speed, lambda: self.give_up(candidate, number))

    def arrive(self, candidate: Candidate, action: Read | Write, number: int) -> None:
        if isinstance(action, Write) and self.goes_wrong():
            self.store.do(action)  # and once more, as a client does whose kept connection was cut
        outcome = self.store.do(action)
        if not self.goes_wrong():  # else the answer is lost
            self.at(self.time + self.delay(), lambda: self.answer(candidate, outcome, number))

    def answer(self, candidate: Candidate, outcome: Lease | str, number: int) -> None:
        if number != candidate.request or not candidate.alive:
            return
        if self.time < candidate.paused_until:
            self.at(candidate.paused_until, lambda: self.answer(candidate, outcome, number))
            return
        candidate.request = 0
        now = candidate.clock(self.time)
        if isinstance(outcome, Lease):
            candidate.election.answered(outcome, now)
        elif outcome == "missing":
            candidate.election.missing(now)
        else:
            candidate.election.refused(now)
        self.step(candidate)

    def give_up(self, candidate: Candidate, number: int) -> None:
        if number != candidate.request or not candidate.alive:
            return
        if self.time < candidate.paused_until:
            self.at(candidate.paused_until, lambda: self.give_up(candidate, number))
            return
        candidate.request = 0
        candidate.election.failed(candidate.clock(self.time))
        self.step(candidate)

    def goes_wrong(self) -> bool:
        return self.draw.random() < 0.2 * self.wild

    def delay(self) -> float:
        return self.draw.uniform(0, 8) if self.goes_wrong() else QUICK


counts = st.integers(2, 3)
draws = st.integers(0, 2**32).map(random.Random)


@settings(max_examples=1000, deadline=None)
@given(counts, draws, st.floats(0.2, 1.0))
def test_there_are_never_two_leaders_at_a_time(count: int, draw: random.Random, wild: float) -> None:
    simulation = Simulation(count, draw, wild)
    for candidate in simulation.candidates:
        if draw.random() < 0.3:
            simulation.at(draw.uniform(0, 100), candidate.election.stop)
    simulation.run(200.0)


@settings(max_examples=150, deadline=None)
@given(counts, draws, st.floats(0.0, 1.0), st.floats(20.0, 60.0))
def test_somebody_leads_soon_after_the_leader_died(count: int, draw: random.Random, wild: float, died: float) -> None:
    """Whatever went wrong before; from then on the network is calm. A newcomer takes the dead one's place."""
    simulation = Simulation(count, draw, wild)
    simulation.run(died)
    leader = simulation.leader()
    if leader is None:
        leader = simulation.candidates[0]
    leader.alive = False
    simulation.wild = 0.0
    for candidate in simulation.candidates:
        candidate.paused_until = 0.0
    newcomer = Candidate("newcomer", 0.0, 1.0, draw)
    simulation.candidates.append(newcomer)
    simulation.step(newcomer)
    # A newcomer has seen nothing of the lease yet, hence a look more; 10 % is what a fast clock was allowed above.
    simulation.run(died + 8.0 + (TIMING.duration + TIMING.retry_period) * 1.1 + 1.0)
    assert simulation.leader() is not None


@settings(max_examples=100, deadline=None)
@given(counts, draws, st.floats(10.0, 60.0))
def test_in_a_calm_network_the_lease_changes_hands_within_its_duration_and_a_look(
    count: int, draw: random.Random, died: float
) -> None:
    simulation = Simulation(count, draw, wild=0.0)
    simulation.run(died)
    leader = simulation.leader()
    assert leader is not None
    leader.alive = False
    simulation.run(died + TIMING.duration + TIMING.retry_period + 10 * QUICK)
    assert simulation.leader() not in (None, leader)
    assert simulation.leaders[0][1] == leader.name, "nobody lost the lease without a cause"


@settings(max_examples=100, deadline=None)
@given(counts, draws, st.floats(10.0, 60.0))
def test_after_a_clean_stop_another_one_leads_within_one_look(count: int, draw: random.Random, stopped: float) -> None:
    simulation = Simulation(count, draw, wild=0.0)
    simulation.run(stopped)
    leader = simulation.leader()
    assert leader is not None
    leader.election.stop()
    simulation.step(leader)
    simulation.run(stopped + TIMING.retry_period + 10 * QUICK)
    assert leader.ended == Released()
    assert simulation.leader() not in (None, leader)
    assert simulation.store.spec is not None
    assert simulation.store.spec.lease_transitions == 1
