"""Two schedulers and one lease: whoever holds it works, and when it is gone the other one does, in time.

``ElectionScenarios`` is inherited by test classes that bring a fixture ``stage``: the scenario's nodes and images, no
pods, no scheduler and no lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

from scheduler.kube.errors import NotFound
from scheduler.kube.lease import LeaseRequests, LeaseSpec
from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from scheduler.sandbox.stage import Stage
from tests.scenarios.relay import relayed
from tests.scenarios.walking import PODS, WEB, PodList, all_bound, eventually, small

LEASE_SECONDS = 3
SHORT = f"""\
leaderElection:
  leaseDurationSeconds: {LEASE_SECONDS}
  renewDeadlineSeconds: 2
  retryPeriodSeconds: 0.3
"""
TOLERANCE = 1.5
"""Seconds that a busy machine may take for what needs no time: starting to decide, and being asked whether it did."""
DEFAULT_TIMING = ""


class ElectionScenarios:
    """``stage`` is played on; each scenario starts its own schedulers."""

    async def test_after_the_leader_was_killed_the_other_one_binds_within_the_duration_of_the_lease(
        self, stage: Stage, tmp_path: Path
    ) -> None:
        async with two_schedulers(stage, tmp_path) as (leader, _standby):
            await bound_within(stage, "before", TOLERANCE)
            await leader.kill()
            await bound_within(stage, "after", LEASE_SECONDS + TOLERANCE)
            assert (await the_lease(stage)).lease_transitions == 1

    async def test_after_a_clean_stop_the_other_one_takes_over_in_less_than_three_seconds(
        self, stage: Stage, tmp_path: Path
    ) -> None:
        async with two_schedulers(stage, tmp_path, DEFAULT_TIMING) as (leader, _standby):
            await bound_within(stage, "before", TOLERANCE)
            stopping = asyncio.create_task(leader.stop())
            await bound_within(stage, "after", 3.0)
            await stopping

    async def test_a_leader_that_stood_still_past_the_end_of_its_lease_binds_nothing_more(
        self, stage: Stage, tmp_path: Path
    ) -> None:
        """Not even pods that nobody else binds: it cannot know that."""
        async with two_schedulers(stage, tmp_path) as (leader, standby):
            await bound_within(stage, "before", TOLERANCE)
            leader.pause()
            await bound_within(stage, "meanwhile", LEASE_SECONDS + TOLERANCE)
            await standby.kill()
            await create(stage, [a_pod(stage, f"web-{index}") for index in range(10)], PODS)
            leader.resume()
            assert await leader.ended(TOLERANCE) == 1
            assert "leader election lost" in leader.last_lines()
            assert await bound_pods(stage) == {"before", "meanwhile"}

    async def test_a_leader_that_cannot_reach_the_api_server_ends_and_the_other_one_takes_over(
        self, stage: Stage, tmp_path: Path
    ) -> None:
        server = stage.client.server
        async with (
            relayed(stage.kubeconfig, server, tmp_path) as (relay, through),
            two_schedulers(stage, tmp_path, leaders_kubeconfig=through) as (leader, _standby),
        ):
            await bound_within(stage, "before", TOLERANCE)
            relay.block()
            await create(stage, [a_pod(stage, "during")], PODS)
            await bound_within(stage, "after", LEASE_SECONDS + TOLERANCE)
            assert await leader.ended(TOLERANCE) == 1
            relay.unblock()
            await all_bound(stage, "web", 3)


@contextlib.asynccontextmanager
async def two_schedulers(
    stage: Stage, folder: Path, settings: str = SHORT, *, leaders_kubeconfig: Path | None = None
) -> AsyncIterator[tuple[SchedulerProcess, SchedulerProcess]]:
    """The one that leads, and the one that stands by with everything in memory."""
    file = folder / "settings.yaml"
    file.write_text(settings)
    config = f"--config={file}"
    async with (
        scheduler_process(
            leaders_kubeconfig or stage.kubeconfig, folder / "leader.log", config, leader_elect=True
        ) as leader,
        scheduler_that_stands_by(stage, folder / "standby.log", config, after=leader) as standby,
    ):
        yield leader, standby


@contextlib.asynccontextmanager
async def scheduler_that_stands_by(
    stage: Stage, log: Path, config: str, *, after: SchedulerProcess
) -> AsyncIterator[SchedulerProcess]:
    await says(after, "leading")
    async with scheduler_process(stage.kubeconfig, log, config, leader_elect=True) as standby:
        await says(standby, "standing by")
        yield standby


async def says(scheduler: SchedulerProcess, event: str) -> None:
    """Returns once the scheduler's log has the event."""

    async def said() -> bool:
        scheduler.check()
        return f" {event} " in scheduler.log.read_text()

    await eventually(f"the scheduler says {event!r}", said)


async def the_lease(stage: Stage) -> LeaseSpec:
    return (await LeaseRequests(stage.client, "kube-system", "multiarch-scheduler").read()).spec


async def no_lease(stage: Stage) -> None:
    """As if no scheduler had ever been there."""
    leases = LeaseRequests(stage.client, "kube-system", "multiarch-scheduler")
    with contextlib.suppress(NotFound):
        await stage.client.delete(f"{leases.collection}/{leases.name}")


def a_pod(stage: Stage, name: str) -> dict[str, object]:
    (manifest,) = small(dataclasses.replace(WEB, replicas=1).pods(stage.registry, SCHEDULER_NAME))
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


async def bound_within(stage: Stage, name: str, seconds: float) -> None:
    """Creates a pod, which has to be bound in time."""
    started = time.monotonic()
    await create(stage, [a_pod(stage, name)], PODS)

    async def bound() -> bool:
        return name in await bound_pods(stage)

    await eventually(f"{name} is bound", bound)
    took = time.monotonic() - started
    assert took <= seconds, f"{name} was bound after {took:.2f} s"


async def bound_pods(stage: Stage) -> set[str]:
    pods = (await stage.client.get(PODS, PodList)).items
    return {pod.metadata.name for pod in pods if pod.spec.node_name}
