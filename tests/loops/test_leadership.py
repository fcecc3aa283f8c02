"""Leadership ends by itself, and whoever waits for it goes on as soon as it is there."""

from __future__ import annotations

import asyncio
import math

import pytest

from scheduler.loops.clock import now_asleep_too
from scheduler.loops.leadership import Leadership


async def test_without_an_election_it_always_holds() -> None:
    leadership = Leadership()
    await asyncio.wait_for(leadership.wait(), 1)
    assert leadership.holds()
    assert leadership.seconds_left() == math.inf


async def test_it_ends_at_its_time_though_nobody_says_so() -> None:
    leadership = Leadership(-math.inf)
    assert (leadership.holds(), leadership.seconds_left()) == (False, 0.0)
    end = now_asleep_too() + 0.05
    leadership.set(end, end + 60)
    assert leadership.holds()
    await asyncio.sleep(0.06)
    assert not leadership.holds()
    assert 50 < leadership.seconds_left() < 60, "time to end what was begun"


async def test_whoever_waits_goes_on_when_it_begins_and_not_when_it_ends() -> None:
    leadership = Leadership(-math.inf)
    waiting = asyncio.create_task(leadership.wait())
    await asyncio.sleep(0)
    leadership.set(-math.inf, -math.inf)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.05)
    leadership.set(now_asleep_too() + 60, now_asleep_too() + 60)
    await asyncio.wait_for(waiting, 1)
