"""When a registry is left alone."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.images.content import FailureCause, ImageContent, ImageFailure
from scheduler.oci.breaker import Breaker, State
from scheduler.oci.errors import RateLimited, ServerFault
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from tests.oci.conftest import MakeResolver, Time

FAULT = ServerFault("ghcr.io", "answered 503", "acme/app:1")


def tripped(failures: int = 3, now: float = 0.0) -> Breaker:
    breaker = Breaker(threshold=3, pause=10)
    for _ in range(failures):
        assert breaker.wait(now) == 0
        breaker.failed(FAULT, now)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    assert tripped(2).wait(0) == 0
    assert tripped(3).wait(0) == 10


def test_a_success_starts_the_count_anew() -> None:
    breaker = tripped(2)
    breaker.succeeded()
    breaker.failed(FAULT, 0)
    breaker.failed(FAULT, 0)
    assert breaker.wait(0) == 0


def test_after_the_pause_one_request_probes_and_the_others_wait() -> None:
    breaker = tripped()
    assert breaker.wait(9.5) == pytest.approx(0.5)
    assert breaker.wait(10) == 0
    assert breaker.wait(10) > 0
    breaker.succeeded()
    assert [breaker.wait(10), breaker.wait(10)] == [0, 0]


def test_the_pause_doubles_with_each_failed_probe_up_to_a_bound() -> None:
    breaker, now, pauses = tripped(), 0.0, []
    for _ in range(7):
        pauses.append(breaker.wait(now))
        now += pauses[-1]
        assert breaker.wait(now) == 0
        breaker.failed(FAULT, now)
    assert pauses == [10, 20, 40, 80, 160, 160, 160]


def test_an_abandoned_probe_lets_the_next_one_probe() -> None:
    breaker = tripped()
    assert breaker.wait(10) == 0
    breaker.abandoned()
    assert breaker.wait(10) == 0
    assert breaker.state is State.PROBING


def test_a_429_holds_everyone_for_the_time_it_names_and_then_lets_all_go() -> None:
    breaker = Breaker(threshold=3, pause=10)
    breaker.limited(RateLimited("ghcr.io", "answered 429", retry_after=60), 0)
    breaker.succeeded()  # of a request that was under way
    assert breaker.wait(1) == 59
    assert [breaker.wait(60), breaker.wait(60)] == [0, 0]


def test_a_429_that_names_no_time_is_one_failure() -> None:
    breaker = tripped(2)
    breaker.limited(RateLimited("ghcr.io", "answered 429"), 0)
    assert breaker.wait(0) == 10


async def test_a_registry_that_is_down_is_asked_little(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    registry.inject(faults.status(503))
    for number in range(100):
        registry.push_index("acme/app", str(number), ["linux/amd64"])
    resolver = make_resolver(RegistrySettings(breaker_failures=5, concurrency=4))
    names = [f"{registry.address}/acme/app:{number}" for number in range(100)]
    answers = await asyncio.gather(*[resolver.resolve(name) for name in names])
    assert {answer.cause for answer in answers if isinstance(answer, ImageFailure)} == {FailureCause.SERVER_ERROR}
    assert len(answers) == 100
    assert sum(registry.requests.values()) < 5 + 4
    registry.heal()
    time.seconds += 61
    healed = await resolver.resolve(names[0])
    assert isinstance(healed, ImageContent)
    again = await asyncio.gather(*[resolver.resolve(name) for name in names])
    assert all(isinstance(answer, ImageContent) for answer in again)


async def test_a_hanging_registry_does_not_hold_its_turns_for_ever(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.inject(faults.hang())
    resolver = make_resolver(RegistrySettings(request_timeout=0.1, deadline=5.0, concurrency=2, breaker_failures=2))
    answers = await asyncio.gather(*[resolver.resolve(f"{registry.address}/acme/app:{number}") for number in range(50)])
    assert {answer.cause for answer in answers if isinstance(answer, ImageFailure)} == {FailureCause.TIMEOUT}
    assert sum(registry.requests.values()) < 2 + 2  # threshold and concurrency
