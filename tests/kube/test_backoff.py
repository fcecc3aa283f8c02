from __future__ import annotations

import pytest

from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import ApiError, Forbidden, ServerError
from scheduler.kube.rate_limit import RateLimit
from scheduler.kube.retrying import retrying


def test_delays_double_up_to_their_limit_and_start_over() -> None:
    backoff = Backoff(initial=1.0, factor=2.0, limit=5.0, jitter=0.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


@pytest.mark.parametrize(("draw", "expected"), [(0.0, 0.8), (0.5, 1.2), (0.999, 1.5992)])
def test_jitter_lengthens_a_delay_up_to_twice(draw: float, expected: float) -> None:
    assert Backoff(draw=lambda: draw).next() == pytest.approx(expected)


def test_a_week_of_failures_does_not_overflow() -> None:
    backoff = Backoff(jitter=0.0)
    assert [backoff.next() for _ in range(20_000)][-1] == 30.0


class Flaky:
    """Fails in the given ways, then succeeds."""

    def __init__(self, *failures: ApiError) -> None:
        self.failures = list(failures)
        self.delays: list[float] = []

    async def __call__(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.delays.append(round(seconds, 3))


async def test_a_transient_failure_is_retried_in_growing_delays() -> None:
    call = Flaky(ServerError("1"), ServerError("2"), ServerError("3", retry_after=7.0))
    backoff = Backoff(0.01, 5.0, jitter=0.0)
    assert await retrying(call, backoff=backoff, sleep=call.sleep) == "done"
    assert call.delays == [0.01, 0.05, 7.0]


async def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    call = Flaky(*(ServerError(str(number)) for number in range(4)))
    with pytest.raises(ServerError, match="3"):
        await retrying(call, attempts=4, sleep=call.sleep)
    assert len(call.delays) == 3


async def test_what_waiting_cannot_cure_is_raised_at_once() -> None:
    call = Flaky(Forbidden("no"))
    with pytest.raises(Forbidden):
        await retrying(call, sleep=call.sleep)
    assert call.delays == []


def test_a_burst_goes_at_once_and_the_rest_at_an_even_pace() -> None:
    limit = RateLimit(rate=10.0, burst=3)
    assert [round(limit.reserve(100.0), 3) for _ in range(6)] == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]
    assert round(limit.reserve(100.25), 3) == 0.15


def test_a_pause_earns_one_burst_and_no_more() -> None:
    limit = RateLimit(rate=10.0, burst=3)
    for _ in range(10):
        limit.reserve(100.0)
    assert [round(limit.reserve(900.0), 3) for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]
