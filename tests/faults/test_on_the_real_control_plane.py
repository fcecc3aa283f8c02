"""Faults on the real etcd and kube-apiserver, whose audit log tells which bindings were accepted."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.kube.connection import connect
from scheduler.kube.errors import ApiError
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.registry import SandboxRegistry
from tests.cluster.control_plane import ControlPlane
from tests.faults.aftermath import must_hold
from tests.faults.scenarios import CROWD, NODES, FaultScenarios, names, so_many_are_bound
from tests.faults.stage import EVENTS, PODS, a_crowd, create_steadily, fill
from tests.faults.stage import NODES as NODE_LIST
from tests.scenarios.election import LEASE_SECONDS, SHORT, no_lease, says, scheduler_that_stands_by
from tests.scenarios.walking import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from scheduler.kube.requests import ApiClient

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ETCD_AWAY = 10.0


class RealFaultStage:
    """etcd and kube-apiserver without controllers, so that nothing but the scheduler works here."""

    def __init__(self, plane: ControlPlane, client: ApiClient, images: SandboxRegistry) -> None:
        self.plane = plane
        self.client = client
        self.kubeconfig = plane.kubeconfig
        self.images = images
        self._log = plane.folder / "audit.log"
        self._read_to = self._log.stat().st_size
        self._answered: list[tuple[str, int]] = []

    def bound(self) -> list[str]:
        return [pod for pod, code in self._bindings() if code == 201]

    def in_doubt(self) -> set[str]:
        return {pod for pod, code in self._bindings() if code >= 500}

    async def stop_api_server(self) -> None:
        await asyncio.to_thread(self.plane.api_server.stop)

    async def start_api_server(self) -> None:
        self.plane.api_server.start()
        await self.api_server_ready()

    async def api_server_ready(self) -> None:
        async def ready() -> bool:
            try:
                return await self.client.request("GET", "/readyz") == b"ok"
            except ApiError:
                return False

        await eventually("the API server is ready", ready)

    async def clear(self) -> None:
        await self.client.delete(PODS, b'{"gracePeriodSeconds": 0}')
        await self.client.delete(EVENTS)
        await self.client.delete(NODE_LIST)
        await no_lease(self)  # type: ignore[arg-type]  # of a stage it needs the client alone

    def _bindings(self) -> list[tuple[str, int]]:
        """(``namespace/name``, HTTP status) of the bindings answered since this stage was made."""
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # it is being written
                self._read_to += len(line)
                if b'"binding"' in line:
                    self._note(json.loads(line))
        return self._answered

    def _note(self, event: dict[str, Any]) -> None:
        what = event["objectRef"]
        if event["stage"] == "ResponseComplete" and what.get("subresource") == "binding":
            self._answered.append((f"{what['namespace']}/{what['name']}", event["responseStatus"]["code"]))


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("plane"), audit=True) as started:
        yield started


@pytest.fixture
async def stage(plane: ControlPlane) -> AsyncIterator[RealFaultStage]:
    images = SandboxRegistry()
    await images.start()
    client = await connect(str(plane.kubeconfig))
    stage = RealFaultStage(plane, client, images)
    try:
        await fill(stage, NODES)
        yield stage
    finally:
        await stage.clear()
        await client.close()
        await images.stop()


class TestOnTheRealControlPlane(FaultScenarios):
    restarts = 1


async def test_an_etcd_that_stops_for_ten_seconds(stage: RealFaultStage, tmp_path: Path) -> None:
    etcd = stage.plane.etcd
    crowd = a_crowd(stage, CROWD, seed=21)
    async with scheduler_process(stage.kubeconfig, tmp_path / "log") as scheduler:
        await says(scheduler, "ready")
        creating = asyncio.create_task(create_steadily(stage, crowd, seconds=2.0))
        await so_many_are_bound(stage, CROWD // 8)
        await asyncio.to_thread(etcd.stop)
        await asyncio.sleep(ETCD_AWAY)
        etcd.start()
        await stage.api_server_ready()
        await creating
        await must_hold(stage, scheduler, names(crowd))


async def test_a_leader_that_ends_while_etcd_is_away_is_followed_by_the_standby(
    stage: RealFaultStage, tmp_path: Path
) -> None:
    etcd, crowd = stage.plane.etcd, a_crowd(stage, CROWD, seed=22)
    settings = tmp_path / "settings.yaml"
    settings.write_text(SHORT)
    config = f"--config={settings}"
    async with (
        scheduler_process(stage.kubeconfig, tmp_path / "leader.log", config, leader_elect=True) as leader,
        scheduler_that_stands_by(stage, tmp_path / "standby.log", config, after=leader) as standby,
    ):
        creating = asyncio.create_task(create_steadily(stage, crowd, seconds=2.0))
        await so_many_are_bound(stage, CROWD // 8)
        await asyncio.to_thread(etcd.stop)
        assert await leader.ended(ETCD_AWAY) == 1  # it cannot renew its lease
        await asyncio.sleep(ETCD_AWAY - LEASE_SECONDS)
        etcd.start()
        await stage.api_server_ready()
        await creating
        await must_hold(stage, standby, names(crowd))
