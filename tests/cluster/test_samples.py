"""Of a large cluster the real kube-scheduler looks at a sample. A pod that it has no node for gets the one there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, node
from scheduler.sandbox.scenario import AMD64, ARM64, ScenarioImage, Workload
from tests.cluster.extender import ExtenderProcess
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.walking import PODS, all_bound, pods_of, sized

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from scheduler.api.pod import Pod
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

NODES, PRIORITY_CLASSES = "/api/v1/nodes", "/apis/scheduling.k8s.io/v1/priorityclasses"
ON_ARM, ON_AMD = ScenarioImage("samples/arm", "1", (ARM64,)), ScenarioImage("samples/amd", "1", (AMD64,))
NODE_COUNT = 300
"""kube-scheduler's sample is of 100, so most samples lack the one free node of arm64."""
FULL, FREE = [f"full-arm64-{number:02d}" for number in range(30)], "free-arm64"
"""Of the full ones every sample meets some."""
PODS_IN_A_ROW = 7
"""As many as there is room for on the free node. Samples follow each other, so for most of them they lack it."""
HIGH = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000}


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    """Many nodes, few of them arm64; all but one of those are full of pods of no importance."""
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        stage.push(ON_ARM)
        stage.push(ON_AMD)
        nodes = [
            *(node(f"amd64-{number:03d}", AMD64_LINUX) for number in range(NODE_COUNT)),
            *(node(name, ARM64_LINUX) for name in (*FULL, FREE)),
        ]
        try:
            await create(stage, [HIGH], PRIORITY_CLASSES)
            await create(stage, map(stage.as_node, nodes), NODES)
            fillers = Workload("filler", (ON_ARM.name,), len(FULL), frozenset(FULL))
            pods = sized(fillers.pods(stage.registry, "default-scheduler"), cpu="3900m")
            for pod, name in zip(pods, FULL, strict=True):
                pod["spec"]["nodeName"] = name
            await create(stage, pods, PODS)
            yield stage
        finally:
            await stage.clear()
            await stage.client.delete(f"{PRIORITY_CLASSES}/high")


@pytest.fixture(params=["narrow", "delegated"])
def extender(request: pytest.FixtureRequest, stage: RealStage, tmp_path: Path) -> Iterator[ExtenderProcess]:
    """kube-scheduler and the extender at work."""
    process = ExtenderProcess(tmp_path, stage.kubeconfig, mode=request.param)
    with process, KubeScheduler(tmp_path, stage.kubeconfig, process.configuration()):
        yield process


async def test_a_pod_that_the_sample_has_no_node_for_is_nominated_to_the_node_that_there_is(
    stage: RealStage, extender: ExtenderProcess
) -> None:
    for number in range(PODS_IN_A_ROW):
        bound = await one_more(stage, f"rare{number}")
        assert bound.spec.node_name == FREE
        assert not bound.status.nominated_node_name, "the API server takes it away with the binding"
    assert nominations(extender) >= 1


async def test_many_at_once_get_it_too(stage: RealStage, extender: ExtenderProcess) -> None:
    """They wake each other in kube-scheduler's queue, and find the node by chance or by nomination."""
    workload = Workload("rare", (ON_ARM.name,), PODS_IN_A_ROW, frozenset({FREE}))
    await create(stage, sized(workload.pods(stage.registry, "default-scheduler"), cpu="200m"), PODS)
    pods = await all_bound(stage, "rare", PODS_IN_A_ROW)
    assert {pod.spec.node_name for pod in pods} == {FREE}
    assert extender.alive


async def test_nobody_is_evicted_where_a_sample_shows_full_nodes_only(
    stage: RealStage, extender: ExtenderProcess
) -> None:
    """In the same attempt in which the free node is found, kube-scheduler wants to preempt on the full ones."""
    for number in range(PODS_IN_A_ROW):
        assert (await one_more(stage, f"important{number}", priority="high")).spec.node_name == FREE
    assert len(await pods_of(stage, "filler")) == len(FULL)
    assert nominations(extender) >= 1
    asked = calls(extender, "preempt")
    assert asked >= 1 if extender.wanted.mode == "narrow" else asked == 0


async def test_a_pod_that_names_its_node_is_asked_about_with_that_one(
    stage: RealStage, extender: ExtenderProcess
) -> None:
    """As a DaemonSet's pods do: they need no nomination."""
    for place, (image, name) in enumerate(((ON_ARM, FREE), (ON_AMD, "amd64-119"))):
        (pod,) = Workload(f"daemon{place}", (image.name,), 1, frozenset()).pods(stage.registry, "default-scheduler")
        this_one = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [this_one]}}
        pod["spec"]["affinity"] = {"nodeAffinity": required}
        await create(stage, [pod], PODS)
        (bound,) = await all_bound(stage, f"daemon{place}", 1)
        assert bound.spec.node_name == name
    assert nominations(extender) == 0


async def one_more(stage: RealStage, app: str, *, priority: str = "") -> Pod:
    """A pod of arm64 for which there is room on the free node alone, once it is bound."""
    workload = Workload(app, (ON_ARM.name,), 1, frozenset({FREE}))
    (pod,) = sized(workload.pods(stage.registry, "default-scheduler"), cpu="200m")
    if priority:
        pod["spec"]["priorityClassName"] = priority
    await create(stage, [pod], PODS)
    (bound,) = await all_bound(stage, app, 1)
    return bound


def nominations(extender: ExtenderProcess) -> float:
    return value_of(extender, "extender_nominations_total")


def calls(extender: ExtenderProcess, verb: str) -> float:
    return value_of(extender, f'extender_requests_total{{result="ok",verb="{verb}"}}')


def value_of(extender: ExtenderProcess, series: str) -> Any:
    (line,) = (line for line in extender.metrics().splitlines() if line.startswith(f"{series} "))
    return float(line.rpartition(" ")[2])
