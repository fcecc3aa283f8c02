"""A pod of higher priority takes room from others, on the embedded cluster with the scheduler as a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scheduler.sandbox.demo import SCHEDULER_NAME, create, waiting_because
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import WINDOWS_2022_NODES, Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import PODS, all_bound, event_of, eventually, pods_of, sized, told_why

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"


def a_workload(stage: SandboxStage, name: str, count: int, *, cpu: str, priority: int) -> list[dict[str, Any]]:
    """Pods that fit on the only Windows Server 2022 node, of a priority of ``stage``."""
    workload = Workload(name, ("shop/dotnet:8",), count, frozenset(WINDOWS_2022_NODES))
    manifests = sized(workload.pods(stage.registry, SCHEDULER_NAME), cpu=cpu, memory="1Mi")
    return [{**manifest, "spec": {**manifest["spec"], "priorityClassName": f"p{priority}"}} for manifest in manifests]


@pytest.fixture
async def stage(empty_stage: SandboxStage) -> SandboxStage:
    """With priorities to name."""
    classes = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": f"p{value}"},
            "value": value,
        }
        for value in (1, 5, 10)
    ]
    await create(empty_stage, classes, "/apis/scheduling.k8s.io/v1/priorityclasses")
    return empty_stage


async def test_a_pod_of_higher_priority_takes_the_room_of_the_least_important(
    stage: SandboxStage, tmp_path: Path
) -> None:
    async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
        await create(stage, a_workload(stage, "low", 1, cpu="2", priority=1), PODS)
        await all_bound(stage, "low", 1)
        await create(stage, a_workload(stage, "middle", 1, cpu="1", priority=5), PODS)
        await all_bound(stage, "middle", 1)
        await create(stage, a_workload(stage, "high", 1, cpu="2", priority=10), PODS)
        (high,) = await all_bound(stage, "high", 1)
        event = await event_of(stage, "low-0", "Preempted")
        assert (event.type, event.note) == (
            "Normal",
            f"Preempted by pod {high.metadata.uid} on node {high.spec.node_name}",
        )
        assert [pod.metadata.deletion_timestamp for pod in await pods_of(stage, "middle")] == [None]
        assert not await pods_of(stage, "low")


async def test_a_pod_that_nobody_makes_room_for_says_so(stage: SandboxStage, tmp_path: Path) -> None:
    async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
        await create(stage, a_workload(stage, "first", 1, cpu="3", priority=5), PODS)
        await all_bound(stage, "first", 1)
        await create(stage, a_workload(stage, "second", 1, cpu="3", priority=5), PODS)
        why = await told_why(stage, "second", "preemption: ")
        assert "1 No preemption victims found for incoming pod, 5 Preemption is not helpful for scheduling." in why


async def test_the_pods_within_their_budget_go_first(stage: SandboxStage, tmp_path: Path) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "guarded", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "guarded"}}},
    }
    await create(stage, [budget], BUDGETS)
    async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
        for name, priority in (("guarded", 1), ("free", 5)):
            await create(stage, a_workload(stage, name, 1, cpu="1500m", priority=priority), PODS)
            await all_bound(stage, name, 1)
        await create(stage, a_workload(stage, "high", 1, cpu="1500m", priority=10), PODS)
        await all_bound(stage, "high", 1)
        assert not await pods_of(stage, "free")
        assert len(await pods_of(stage, "guarded")) == 1


async def test_a_victim_is_told_why_and_the_pod_where_it_will_go(stage: SandboxStage, tmp_path: Path) -> None:
    async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
        (victim,) = a_workload(stage, "low", 1, cpu="3", priority=1)
        victim["metadata"]["finalizers"] = ["example.com/keep"]  # so that it stays, terminating, to be looked at
        await create(stage, [victim], PODS)
        (low,) = await all_bound(stage, "low", 1)
        await create(stage, a_workload(stage, "high", 1, cpu="3", priority=10), PODS)

        async def terminating() -> Any:
            return [pod for pod in await pods_of(stage, "low") if pod.metadata.deletion_timestamp]

        (low,) = await eventually("the victim is terminating", terminating)
        (condition,) = [one for one in low.status.conditions if one.type == "DisruptionTarget"]
        assert (condition.status, condition.reason) == ("True", "PreemptionByScheduler")
        assert condition.message == f"{SCHEDULER_NAME}: preempting to accommodate a higher priority pod"

        async def nominated() -> Any:
            return [pod for pod in await pods_of(stage, "high") if pod.status.nominated_node_name]

        (high,) = await eventually("the pod is nominated", nominated)
        assert high.status.nominated_node_name == low.spec.node_name
        assert "preempting 1 victims" in waiting_because(high)
