"""How long a failure is an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.policy import LONGEST_DELAY, retry_delay


@pytest.mark.parametrize(
    ("cause", "delays"),
    [
        (FailureCause.PENDING, [0, 0]),
        (FailureCause.TIMEOUT, [15, 30, 60, 60]),
        (FailureCause.NETWORK, [15, 30, 60, 60]),
        (FailureCause.SERVER_ERROR, [15, 30, 60, 60]),
        (FailureCause.NOT_FOUND, [5, 10, 20]),
        (FailureCause.RATE_LIMITED, [60, 120, 240]),
        (FailureCause.UNAUTHORIZED, [300, 300]),
        (FailureCause.TLS, [300, 300]),
        (FailureCause.MALFORMED, [600, 600]),
        (FailureCause.INVALID_REFERENCE, [LONGEST_DELAY]),
    ],
)
def test_each_cause_has_its_own_patience(cause: FailureCause, delays: list[float]) -> None:
    failure = ImageFailure(cause, "")
    assert [retry_delay(failure, attempts) for attempts in range(1, len(delays) + 1)] == delays


def test_the_registry_may_lengthen_the_wait_but_not_for_ever() -> None:
    def after(seconds: float) -> float:
        return retry_delay(ImageFailure(FailureCause.RATE_LIMITED, "", retry_after=seconds), 1)

    assert after(3) == 60
    assert after(900) == 900
    assert after(10**9) == LONGEST_DELAY


@given(st.sampled_from(FailureCause), st.integers(-5, 10**6), st.none() | st.floats(0, 1e12))
def test_waits_never_shrink_and_never_exceed_the_limit(
    cause: FailureCause, attempts: int, retry_after: float | None
) -> None:
    failure = ImageFailure(cause, "", retry_after)
    assert 0 <= retry_delay(failure, attempts) <= retry_delay(failure, attempts + 1) <= LONGEST_DELAY
