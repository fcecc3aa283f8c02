"""Delegated mode with the real kube-scheduler: what is left to it, and pods that its sample has no node for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, node
from scheduler.sandbox.scenario import AMD64, ARM64, ScenarioImage, Workload
from tests.cluster.extender import ExtenderProcess
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.stage import RealStage, real_stage
from tests.cluster.test_volumes import CLAIMS, CLASSES, LOCAL, VOLUMES, a_claim, a_class, a_volume, the_claim
from tests.scenarios.walking import PODS, all_bound, sized, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

NODES = "/api/v1/nodes"
ON_ARM, ON_AMD = ScenarioImage("delegated/arm", "1", (ARM64,)), ScenarioImage("delegated/amd", "1", (AMD64,))
NODE_COUNT = 300
"""kube-scheduler's sample is of 100, so most samples lack the one node of arm64."""
THE_ARM_NODE = "arm64"


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    """Many nodes, of which one is arm64."""
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        stage.push(ON_ARM)
        stage.push(ON_AMD)
        nodes = [node(f"amd64-{number:03d}", AMD64_LINUX) for number in range(NODE_COUNT)]
        try:
            await create(stage, [stage.as_node(each) for each in (*nodes, node(THE_ARM_NODE, ARM64_LINUX))], NODES)
            yield stage
        finally:
            await stage.clear()


@pytest.fixture
def extender(stage: RealStage, tmp_path: Path) -> Any:
    """kube-scheduler and the extender at work."""
    process = ExtenderProcess(tmp_path, stage.kubeconfig, mode="delegated")
    with process, KubeScheduler(tmp_path, stage.kubeconfig, process.configuration()):
        yield process


async def test_a_pod_that_the_sample_has_no_node_for_is_nominated_to_the_node_that_there_is(
    stage: RealStage, extender: ExtenderProcess
) -> None:
    workload = Workload("rare", (ON_ARM.name,), 4, frozenset({THE_ARM_NODE}))
    await create(stage, sized(workload.pods(stage.registry, "default-scheduler"), cpu="10m"), PODS)
    pods = await all_bound(stage, "rare", 4)
    assert {pod.spec.node_name for pod in pods} == {THE_ARM_NODE}
    assert not any(pod.status.nominated_node_name for pod in pods), "the API server takes it away with the binding"
    assert nominations(extender) >= 1


async def test_a_pod_that_names_its_node_is_asked_about_with_that_one(
    stage: RealStage, extender: ExtenderProcess
) -> None:
    """As a DaemonSet's pods do: they need no nomination."""
    for place, (image, name) in enumerate(((ON_ARM, THE_ARM_NODE), (ON_AMD, "amd64-119"))):
        (pod,) = Workload(f"daemon{place}", (image.name,), 1, frozenset()).pods(stage.registry, "default-scheduler")
        this_one = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [this_one]}}
        pod["spec"]["affinity"] = {"nodeAffinity": required}
        await create(stage, [pod], PODS)
        (bound,) = await all_bound(stage, f"daemon{place}", 1)
        assert bound.spec.node_name == name
    assert nominations(extender) == 0


async def test_kube_scheduler_binds_the_volumes_of_the_node_that_was_decided_on(
    stage: RealStage, extender: ExtenderProcess
) -> None:
    await create(stage, [a_class("local", LOCAL)], CLASSES)
    try:
        await create(stage, [a_claim("data", "local")], CLAIMS)
        (pod,) = Workload("db", (ON_AMD.name,), 1, frozenset()).pods(stage.registry, "default-scheduler")
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


def nominations(extender: ExtenderProcess) -> float:
    (line,) = (line for line in extender.metrics().splitlines() if line.startswith("extender_nominations_total "))
    return float(line.rpartition(" ")[2])
