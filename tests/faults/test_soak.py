"""The soak's judgement: memory that grows with each rollout is found, and noise is not taken for it."""

from __future__ import annotations

import random

import pytest

from tests.faults.soak import BYTES_A_ROLLOUT, LEAST, WARM, grown_by

A_ROUND = 400
"""Rollouts, on a slow machine."""
NOISE = 2.0
"""Megabytes either way: more than what was seen."""


def rounds(count: int, bytes_a_rollout: float, seed: int) -> list[tuple[int, float]]:
    dice = random.Random(seed)
    rollouts = range(WARM, WARM + count * A_ROUND, A_ROUND)
    return [(done, 160 + dice.uniform(-NOISE, NOISE) + bytes_a_rollout * done / 1e6) for done in rollouts]


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("count", [LEAST, 40])
def test_a_kilobyte_a_rollout_is_found_and_none_is_not(count: int, seed: int) -> None:
    assert grown_by(rounds(count, 1000, seed)) > BYTES_A_ROLLOUT
    assert grown_by(rounds(count, 0, seed)) < BYTES_A_ROLLOUT


def test_what_once_became_more_is_no_growth() -> None:
    """An arena that is asked for in the middle of the run, and never again."""
    flat = rounds(40, 0, seed=1)
    step = [(done, megabytes + (1.0 if number > 20 else 0.0)) for number, (done, megabytes) in enumerate(flat)]
    assert grown_by(step) < BYTES_A_ROLLOUT
