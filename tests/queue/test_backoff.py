"""The waiting times are kube-scheduler's: 1, 2, 4, 8, 10, 10... seconds."""

from __future__ import annotations

import pytest

from scheduler.queue.backoff import Backoff


def test_doubles_up_to_the_longest() -> None:
    assert [Backoff().duration(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 10, 10, 10]


@pytest.mark.parametrize("failures", [0, -1])
def test_no_failure_is_no_wait(failures: int) -> None:
    assert Backoff().duration(failures) == 0


def test_a_longest_time_of_zero_switches_it_off() -> None:
    assert Backoff(initial=1, longest=0).duration(5) == 0


def test_any_number_of_failures_is_bounded() -> None:
    assert Backoff(initial=0.5, longest=60).duration(10**9) == 60
