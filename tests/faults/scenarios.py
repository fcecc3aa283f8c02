"""Faults that can be made to happen on the embedded cluster and on the real control plane alike.

``FaultScenarios`` is inherited by the test classes of both; each brings its own fixture ``stage``: ``NODES`` nodes, the
images, no pods and no scheduler. What must hold at the end is in ``aftermath``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from tests.faults.aftermath import Expected, gauges_of, must_hold
from tests.faults.stage import (
    PER_NODE,
    FaultStage,
    Manifest,
    a_crowd,
    a_pod,
    create,
    create_steadily,
)
from tests.scenarios.election import LEASE_SECONDS, SHORT, says, scheduler_that_stands_by
from tests.scenarios.relay import relayed
from tests.scenarios.walking import eventually

NODES = 7
CROWD = (NODES + 1) * PER_NODE
HOUR = 3600.0


class FaultScenarios:
    """``stage`` is played on; each scenario starts its own schedulers."""

    restarts = 2
    """Of the API server: the real one takes ten seconds to go."""

    async def test_schedulers_that_are_killed_one_after_the_other(self, stage: FaultStage, tmp_path: Path) -> None:
        crowd, dice = a_crowd(stage, CROWD, seed=1), random.Random(1)
        creating = asyncio.create_task(create_steadily(stage, crowd, seconds=3.0))
        for number in range(3):
            async with scheduler_process(stage.kubeconfig, tmp_path / f"killed-{number}.log") as killed:
                await so_many_are_bound(stage, number * CROWD // 5 + dice.randrange(CROWD // 5))
                await killed.kill()
        async with scheduler_process(stage.kubeconfig, tmp_path / "last.log") as last:
            await creating
            await must_hold(stage, last, names(crowd))

    async def test_an_api_server_that_goes_and_comes_back(self, stage: FaultStage, tmp_path: Path) -> None:
        crowd = a_crowd(stage, CROWD, seed=2)
        async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
            await says(scheduler, "ready")
            creating = asyncio.create_task(create_steadily(stage, crowd, seconds=3.0))
            for number in range(self.restarts):
                await so_many_are_bound(stage, CROWD // 10 + number * CROWD // 3)
                await stage.stop_api_server()
                await asyncio.sleep(0.5)
                await stage.start_api_server()
            await creating
            await must_hold(stage, scheduler, names(crowd), Expected(all_told=True))

    async def test_connections_that_are_cut_every_second(self, stage: FaultStage, tmp_path: Path) -> None:
        """Watches end, and requests under way may have taken effect or not."""
        crowd = a_crowd(stage, CROWD, seed=3)
        async with (
            relayed(stage.kubeconfig, stage.client.server, tmp_path) as (relay, through),
            scheduler_process(through, tmp_path / "log") as scheduler,
        ):
            await says(scheduler, "ready")
            async with again_and_again(relay.cut):
                await create_steadily(stage, crowd, seconds=6.0)
            await must_hold(stage, scheduler, names(crowd), Expected(all_told=True))

    async def test_a_leader_that_gets_no_answers_binds_nothing_once_its_lease_is_over(
        self, stage: FaultStage, tmp_path: Path
    ) -> None:
        """Its requests arrive and take effect, also those for the lease; it cannot know, and has to stop in time."""
        settings = tmp_path / "settings.yaml"
        settings.write_text(SHORT)
        config = f"--config={settings}"
        crowd = a_crowd(stage, CROWD, seed=4)
        async with (
            relayed(stage.kubeconfig, stage.client.server, tmp_path) as (relay, through),
            scheduler_process(through, tmp_path / "leader.log", config, leader_elect=True) as leader,
            scheduler_that_stands_by(stage, tmp_path / "standby.log", config, after=leader) as standby,
        ):
            creating = asyncio.create_task(create_steadily(stage, crowd, seconds=3.0))
            await so_many_are_bound(stage, CROWD // 10)
            relay.block_answers()
            await eventually("the leader knows that its lease is over", lambda: has_stepped_down(leader))
            bound = len(stage.bound())
            while " leading " not in standby.log.read_text():
                assert len(stage.bound()) == bound, "nobody leads, and yet somebody binds"
                await asyncio.sleep(0.02)
            assert await leader.ended(4 * LEASE_SECONDS) == 1
            relay.unblock()
            await creating
            await must_hold(stage, standby, names(crowd))

    async def test_a_clock_that_jumps_to_and_fro(self, stage: FaultStage, tmp_path: Path) -> None:
        """Neither leases nor queues nor events go by the time of day."""
        error, settings = tmp_path / "clock", tmp_path / "settings.yaml"
        error.write_text("0")
        settings.write_text(
            "leaderElection: {leaseDurationSeconds: 6, renewDeadlineSeconds: 5, retryPeriodSeconds: 0.3}"
        )
        crowd = a_crowd(stage, CROWD, seed=5)
        async with scheduler_process(
            stage.kubeconfig,
            tmp_path / "log",
            f"--config={settings}",
            leader_elect=True,
            program=("-m", "tests.faults.jumping_clock", str(error)),
        ) as scheduler:
            await says(scheduler, "leading")
            jumps = iter([HOUR, -24 * HOUR, 365 * 24 * HOUR, -2 * HOUR] * 100)
            async with again_and_again(lambda: set_clock(error, next(jumps)), seconds=0.5):
                await create_steadily(stage, crowd, seconds=4.0)
                await must_hold(stage, scheduler, names(crowd), Expected(all_told=True))

    async def test_a_node_that_goes_between_the_decision_and_the_binding(
        self, stage: FaultStage, tmp_path: Path
    ) -> None:
        """The API server takes such a binding; whoever comes later is not sent there."""
        before, after = ([a_pod(stage, f"{when}-{number}") for number in range(60)] for when in ("before", "after"))
        gone = "arm64-1"
        async with (
            relayed(stage.kubeconfig, stage.client.server, tmp_path) as (relay, through),
            scheduler_process(through, tmp_path / "log") as scheduler,
        ):
            await says(scheduler, "ready")
            await create(stage, before[:20])
            await so_many_are_bound(stage, 20)
            relay.block_requests()
            await create(stage, before[20:])
            await eventually("all are being bound", lambda: are_in_flight(scheduler, 40))
            await stage.client.delete(f"/api/v1/nodes/{gone}")
            relay.unblock()
            await so_many_are_bound(stage, 60)
            await create(stage, after)
            pods = await must_hold(stage, scheduler, names(before + after), Expected(gone={gone}, all_told=True))
            assert all(pod.spec.node_name for pod in pods)
            assert [pod.key for pod in pods if pod.spec.node_name == gone], "or else nothing was tried here"
            assert not [pod.key for pod in pods if "after" in pod.key and pod.spec.node_name == gone]


async def has_stepped_down(leader: SchedulerProcess) -> bool:
    log = leader.log.read_text()
    return log.rfind(" standing by ") > log.rfind(" leading ")


async def are_in_flight(scheduler: SchedulerProcess, count: int) -> bool:
    return (await gauges_of(scheduler))["scheduler_pending_pods", "in_flight"] == count


def names(manifests: Iterable[Manifest]) -> set[str]:
    return {manifest["metadata"]["name"] for manifest in manifests}


async def so_many_are_bound(stage: FaultStage, count: int) -> None:
    async def bound() -> bool:
        return len(stage.bound()) >= count

    await eventually(f"{count} pods are bound", bound)


@asynccontextmanager
async def again_and_again(fault: Callable[[], None], seconds: float = 1.0) -> AsyncIterator[None]:
    """Makes it happen at this pace until the block ends."""

    async def run() -> None:
        while True:
            await asyncio.sleep(seconds)
            fault()

    task = asyncio.create_task(run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()


def set_clock(file: Path, wrong_by: float) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(str(wrong_by))
    fresh.replace(file)  # at once: nobody reads half of it
