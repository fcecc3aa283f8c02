"""High availability on the embedded cluster, where the API server's faults can be ordered and its requests counted."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import aiohttp
import msgspec
import pytest

from scheduler.kube.lease import LeaseRequests, LeaseSpec
from scheduler.kube.requests import MERGE_PATCH
from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from scheduler.sandbox.scenario import Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.election import (
    LEASE_SECONDS,
    TOLERANCE,
    ElectionScenarios,
    a_pod,
    bound_pods,
    bound_within,
    says,
    the_lease,
    two_schedulers,
)
from tests.scenarios.walking import PODS, EventList, all_bound, event_of, eventually, told_why

LEASE_PUT = ("PUT", "/leases/multiarch-scheduler$")
EVERY_TIME = 100_000


@pytest.fixture
def stage(empty_stage: SandboxStage) -> SandboxStage:
    """Without a scheduler."""
    return empty_stage


class TestOnTheSandbox(ElectionScenarios):
    pass


async def test_a_leader_that_cannot_renew_its_lease_does_not_bind_once_it_is_over(
    stage: SandboxStage, tmp_path: Path
) -> None:
    """All else works, so nothing but the lease keeps it from binding the pods that it sees."""
    async with two_schedulers(stage, tmp_path) as (leader, standby):
        await bound_within(stage, "before", TOLERANCE)
        stage.server.faults.refuse(*LEASE_PUT, status=500, times=EVERY_TIME)
        refused_from = time.monotonic()
        steady = asyncio.create_task(steadily_create(stage))
        assert await leader.ended(LEASE_SECONDS + TOLERANCE) == 1
        assert time.monotonic() - refused_from < LEASE_SECONDS, "it ends before another one may lead"
        bound = await bound_pods(stage)
        assert len(bound) > 10, "it worked until then"
        await asyncio.sleep(TOLERANCE)  # past the end of the lease
        assert await bound_pods(stage) == bound, "nobody leads, and yet somebody binds"
        steady.cancel()
        standby.check()
        stage.server.faults.clear()
        created = stage.server.requests["POST pods"]
        await all_bound(stage, "web", created)
        assert stage.server.requests["POST pods/binding"] == created


async def test_a_leader_that_stood_still_amid_its_work_sends_no_binding_more(
    stage: SandboxStage, tmp_path: Path
) -> None:
    """The answers that came meanwhile make room for the next bindings: what it would do first when it goes on."""
    async with two_schedulers(stage, tmp_path) as (leader, standby):
        await standby.kill()
        stage.server.faults.delay("POST", "/binding$", seconds=1.0, times=EVERY_TIME)
        await create(stage, [a_pod(stage, f"web-{index}") for index in range(300)], PODS)

        async def at_work() -> bool:
            return stage.server.requests["POST pods/binding"] >= 64

        await eventually("many bindings are under way", at_work)
        leader.pause()
        sent = stage.server.requests["POST pods/binding"]
        await asyncio.sleep(LEASE_SECONDS + 0.5)
        leader.resume()
        assert await leader.ended(TOLERANCE) == 1
        assert stage.server.requests["POST pods/binding"] == sent


async def test_lost_answers_to_renewals_do_not_cost_the_lease(stage: SandboxStage, tmp_path: Path) -> None:
    async with two_schedulers(stage, tmp_path) as (leader, _standby):
        for _ in range(4):
            stage.server.faults.hang_up(*LEASE_PUT, after_effect=True, times=2)
            await asyncio.sleep(0.4)
        leader.check()
        await bound_within(stage, "after", TOLERANCE)
        assert (await the_lease(stage)).lease_transitions == 0


async def test_bindings_under_way_are_finished_before_the_lease_is_given_up(
    stage: SandboxStage, tmp_path: Path
) -> None:
    async with two_schedulers(stage, tmp_path) as (leader, _standby):
        stage.server.faults.delay("POST", "/binding$", seconds=0.5, times=20)
        await create(stage, [a_pod(stage, f"web-{index}") for index in range(20)], PODS)

        async def under_way() -> bool:
            return stage.server.requests["POST pods/binding"] == 20

        await eventually("the bindings are under way", under_way)
        await leader.stop()
        assert len(await bound_pods(stage)) == 20
        await bound_within(stage, "after", TOLERANCE)
        assert stage.server.requests["POST pods/binding"] == 21, "no pod is bound twice"
        assert len(set(await notes_of_all(stage, "Scheduled", 21))) == 21


async def test_a_standby_is_ready_writes_nothing_and_knows_all_when_it_begins(
    stage: SandboxStage, tmp_path: Path
) -> None:
    leases = LeaseRequests(stage.client, "kube-system", "multiarch-scheduler")
    await leases.write(None, LeaseSpec(holder_identity="somebody else", lease_duration_seconds=3600))
    await create(stage, [a_pod(stage, "fits")], PODS)
    await create(stage, Workload("secret", ("no/such:1",), 1, frozenset()).pods(stage.registry, SCHEDULER_NAME), PODS)
    async with scheduler_process(stage.kubeconfig, tmp_path / "log", leader_elect=True) as standby:
        await says(standby, "standing by")
        await says(standby, "image unknown")
        assert await asked(standby, "/readyz") == "ok"
        assert 'leader_election_master_status{name="multiarch-scheduler"} 0.0' in await asked(standby, "/metrics")
        await asyncio.sleep(0.5)
        assert not await bound_pods(stage)
        assert (stage.server.requests["POST events.events.k8s.io"], stage.server.requests["PATCH pods/status"]) == (
            0,
            0,
        )
        given_up = msgspec.json.encode({"spec": {"holderIdentity": None}})
        await stage.client.patch(f"{leases.collection}/{leases.name}", given_up, MERGE_PATCH)
        await says(standby, "leading")
        async with asyncio.timeout(3.0):  # before the registry is asked again
            await told_why(stage, "secret", "404")
        await all_bound(stage, "web", 1)
        await event_of(stage, "fits", "Scheduled")
        assert 'leader_election_master_status{name="multiarch-scheduler"} 1.0' in await asked(standby, "/metrics")


async def test_a_scheduler_that_may_not_hold_a_lease_says_what_it_lacks_and_binds_nothing(
    stage: SandboxStage, tmp_path: Path
) -> None:
    stage.server.faults.refuse("POST", "/leases$", status=403, reason="Forbidden", message="no", times=EVERY_TIME)
    async with scheduler_process(stage.kubeconfig, tmp_path / "log", leader_elect=True) as scheduler:
        await says(scheduler, "ready")
        await create(stage, [a_pod(stage, "waits")], PODS)

        async def told() -> bool:
            return "the lease kube-system/multiarch-scheduler: the API server" in scheduler.log.read_text()

        await eventually("it says that it may not", told)
        assert not await bound_pods(stage)


async def steadily_create(stage: SandboxStage) -> None:
    for index in range(1000):
        await create(stage, [a_pod(stage, f"steady-{index}")], PODS)
        await asyncio.sleep(0.05)


async def asked(scheduler: SchedulerProcess, path: str) -> str:
    found = re.search(r"health_port=(\d+)", scheduler.log.read_text())
    assert found is not None
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{found[1]}{path}") as response:
        return await response.text()


async def notes_of_all(stage: SandboxStage, reason: str, count: int) -> list[str]:
    """The notes of the events about pods for this reason, once there are so many."""

    path = "/apis/events.k8s.io/v1/namespaces/default/events"

    async def seen() -> list[str] | None:
        events = (await stage.client.get(path, EventList, fieldSelector=f"reason={reason}")).items
        return [event.note for event in events] if len(events) >= count else None

    return await eventually(f"{count} events {reason}", seen)
