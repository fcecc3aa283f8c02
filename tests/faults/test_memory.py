"""Pods that come and go under faults leave no memory behind. For how long that holds, see ``soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.e2e.usage import resident
from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from tests.faults.aftermath import Expected, must_hold, settled
from tests.faults.scenarios import again_and_again, names
from tests.faults.stage import PODS, Manifest, SandboxFaultStage, a_crowd, create, sandbox_fault_stage
from tests.scenarios.election import says

NODES = 7
CROWD = 300
WARM = 2
ROUNDS = 7
BYTES_A_POD = 4096
"""Of growth per pod that came and went, once warm: less than what one pod's object takes."""


@pytest.mark.timeout(180)
async def test_memory_is_flat(tmp_path: Path) -> None:
    async with sandbox_fault_stage(tmp_path, NODES) as stage:
        stage.server.faults.hang_up("POST", "/binding$", after_effect=True, times=100_000, every=5)
        stage.server.faults.refuse("POST", "/binding$", status=500, times=100_000, every=7)
        async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
            await says(scheduler, "ready")
            async with again_and_again(stage.server.cut_watches):
                megabytes = [await a_round(stage, scheduler, number) for number in range(ROUNDS)]
            gone = {f"default/{name}" for number in range(ROUNDS) for name in names(crowd_of(stage, number))}
            await must_hold(stage, scheduler, set(), Expected(deleted=gone))
    growth = (megabytes[-1] - megabytes[WARM - 1]) * 1e6 / (CROWD * (ROUNDS - WARM))
    assert growth < BYTES_A_POD, f"{growth:.0f} bytes a pod: {[round(each) for each in megabytes]} MB"


async def a_round(stage: SandboxFaultStage, scheduler: SchedulerProcess, number: int) -> float:
    """Megabytes of resident memory after it."""
    crowd = crowd_of(stage, number)
    await create(stage, crowd)
    await settled(stage, names(crowd), scheduler)
    await stage.client.delete(PODS, b'{"gracePeriodSeconds": 0}')
    return resident(scheduler.pid).now


def crowd_of(stage: SandboxFaultStage, number: int) -> list[Manifest]:
    return a_crowd(stage, CROWD, seed=number, prefix=f"round-{number}-")
