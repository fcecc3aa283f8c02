"""Faults on the embedded cluster, whose API server takes orders for more of them than a network can make."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.sandbox.process import scheduler_process
from tests.faults.aftermath import Expected, must_hold
from tests.faults.scenarios import CROWD, NODES, FaultScenarios, again_and_again, names
from tests.faults.stage import KINDS, SandboxFaultStage, a_crowd, create, create_steadily, sandbox_fault_stage
from tests.scenarios.election import says

pytestmark = pytest.mark.timeout(180)

BINDING = "/binding$"
EVERY_TIME = 1_000_000


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[SandboxFaultStage]:
    async with sandbox_fault_stage(tmp_path, NODES) as stage:
        yield stage


class TestOnTheSandbox(FaultScenarios):
    pass


async def test_watches_that_are_cut_every_second(stage: SandboxFaultStage, tmp_path: Path) -> None:
    crowd = a_crowd(stage, CROWD, seed=11)
    async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
        await says(scheduler, "ready")
        async with again_and_again(stage.server.cut_watches):
            await create_steadily(stage, crowd, seconds=4.0)
            await must_hold(stage, scheduler, names(crowd), Expected(all_told=True))


async def test_history_that_is_forgotten_before_every_resume(stage: SandboxFaultStage, tmp_path: Path) -> None:
    """Each watch that is cut can only be followed by a new list (410)."""

    def cut() -> None:
        stage.server.forget_history()
        stage.server.cut_watches()

    crowd = a_crowd(stage, CROWD, seed=12)
    async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
        await says(scheduler, "ready")
        async with again_and_again(cut, seconds=0.5):
            await create_steadily(stage, crowd, seconds=4.0)
        await must_hold(stage, scheduler, names(crowd), Expected(all_told=True))


async def test_every_third_write_that_has_to_wait_a_second(stage: SandboxFaultStage, tmp_path: Path) -> None:
    """429 with Retry-After: for bindings, conditions and events alike."""
    crowd = a_crowd(stage, CROWD // 4, seed=13)
    await create(stage, crowd)
    for method in ("POST", "PATCH"):
        stage.server.faults.refuse(
            method, ".", status=429, reason="TooManyRequests", retry_after=1, times=EVERY_TIME, every=3
        )
    async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
        await must_hold(stage, scheduler, names(crowd), Expected(all_told=True))


@pytest.mark.parametrize("after_effect", [True, False])
async def test_every_other_binding_whose_answer_is_lost(
    stage: SandboxFaultStage, tmp_path: Path, after_effect: bool
) -> None:
    crowd = a_crowd(stage, CROWD, seed=14)
    stage.server.faults.hang_up("POST", BINDING, after_effect=after_effect, times=EVERY_TIME, every=2)
    async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
        await create(stage, crowd)
        await must_hold(stage, scheduler, names(crowd), Expected(all_told=True))


async def test_a_registry_that_is_down_throughout(stage: SandboxFaultStage, tmp_path: Path) -> None:
    await stage.images.stop()
    crowd = a_crowd(stage, CROWD // 4, seed=6)
    told = dict.fromkeys(KINDS, "cannot be reached")
    async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
        await create(stage, crowd)
        pods = await must_hold(stage, scheduler, names(crowd), Expected(told=told))
        assert not any(pod.spec.node_name for pod in pods)


async def test_all_of_that_at_once(stage: SandboxFaultStage, tmp_path: Path) -> None:
    faults = stage.server.faults
    crowd = a_crowd(stage, CROWD, seed=15)
    async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
        await says(scheduler, "ready")
        faults.hang_up("POST", BINDING, after_effect=True, times=EVERY_TIME, every=5)
        faults.hang_up("POST", BINDING, after_effect=False, times=EVERY_TIME, every=7)
        faults.refuse("POST", BINDING, status=500, times=EVERY_TIME, every=6)
        faults.refuse("POST", BINDING, status=429, retry_after=1, times=EVERY_TIME, every=11)
        faults.refuse("GET", r"/pods/[^/]+$", status=503, times=EVERY_TIME, every=3)
        faults.refuse("WATCH", ".", status=410, reason="Expired", times=EVERY_TIME, every=4)
        faults.delay("POST", BINDING, seconds=0.2, times=EVERY_TIME, every=13)
        async with again_and_again(stage.server.cut_watches):
            await create_steadily(stage, crowd, seconds=4.0)
        await must_hold(stage, scheduler, names(crowd))
