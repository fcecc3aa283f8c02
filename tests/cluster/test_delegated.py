"""Delegated mode with the real kube-scheduler: what is left to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import AMD64_LINUX, node
from scheduler.sandbox.scenario import AMD64, ScenarioImage, Workload
from tests.cluster.extender import ExtenderProcess
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.stage import RealStage, real_stage
from tests.cluster.test_volumes import CLAIMS, CLASSES, LOCAL, VOLUMES, a_claim, a_class, a_volume, the_claim
from tests.scenarios.walking import PODS, all_bound, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

NODES = "/api/v1/nodes"
IMAGE = ScenarioImage("delegated/app", "1", (AMD64,))
NODE_COUNT = 300
"""kube-scheduler's sample is of 100, so most samples lack the one node that the volume is on."""


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        stage.push(IMAGE)
        try:
            nodes = (node(f"amd64-{number:03d}", AMD64_LINUX) for number in range(NODE_COUNT))
            await create(stage, map(stage.as_node, nodes), NODES)
            yield stage
        finally:
            await stage.clear()


@pytest.fixture
def extender(stage: RealStage, tmp_path: Path) -> Iterator[ExtenderProcess]:
    """kube-scheduler and the extender at work."""
    process = ExtenderProcess(tmp_path, stage.kubeconfig, mode="delegated")
    with process, KubeScheduler(tmp_path, stage.kubeconfig, process.configuration()):
        yield process


async def test_kube_scheduler_binds_the_volumes_of_the_node_that_was_decided_on(
    stage: RealStage, extender: ExtenderProcess
) -> None:
    await create(stage, [a_class("local", LOCAL)], CLASSES)
    try:
        await create(stage, [a_claim("data", "local")], CLAIMS)
        (pod,) = Workload("db", (IMAGE.name,), 1, frozenset()).pods(stage.registry, "default-scheduler")
        pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
        await create(stage, [pod], PODS)
        await told_why(stage, "db", "didn't find available persistent volumes to bind")
        await create(stage, [a_volume("disk", "local", "amd64-042")], VOLUMES)
        (bound,) = await all_bound(stage, "db", 1)
        assert bound.spec.node_name == "amd64-042"
        assert (await the_claim(stage, "data")).spec.volume_name == "disk"
        assert extender.alive
    finally:
        await stage.client.delete(PODS, b'{"gracePeriodSeconds": 0}')
        for path in (CLAIMS, VOLUMES, CLASSES):
            await stage.client.delete(path)
