"""The scheduler is killed (SIGKILL) at any moment while 2,000 pods are created, and the next one finishes its work."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from scheduler.sandbox.process import scheduler_process
from tests.faults.aftermath import must_hold
from tests.faults.scenarios import names, so_many_are_bound
from tests.faults.stage import PER_NODE, a_crowd, create_steadily, sandbox_fault_stage

PODS = 2000
NODES = PODS // PER_NODE - 1
ROUNDS = 20


@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_whoever_comes_after_a_killed_scheduler_finishes_its_work(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    async with sandbox_fault_stage(tmp_path, NODES) as stage:
        crowd = a_crowd(stage, PODS, seed)
        creating = asyncio.create_task(create_steadily(stage, crowd, seconds=1.0))
        async with scheduler_process(stage.kubeconfig, tmp_path / "killed.log") as killed:
            await so_many_are_bound(stage, dice.randrange(PODS * 9 // 10))
            await asyncio.sleep(dice.uniform(0.0, 0.1))
            await killed.kill()
        async with scheduler_process(stage.kubeconfig, tmp_path / "next.log") as successor:
            await creating
            await must_hold(stage, successor, names(crowd))
