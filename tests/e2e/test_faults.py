"""What goes wrong around the scheduler costs time, never a pod: each fault is made to happen, and all ends well."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from pathlib import Path

from scheduler.api.pod import Pod
from scheduler.sandbox import registry_faults
from scheduler.sandbox.api_server import SandboxApiServer
from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from scheduler.sandbox.scenario import AMD64, ScenarioImage, Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import PODS, RUNNABLE, all_bound, event_of, eventually, pods_of, small, told_why

WEB = RUNNABLE[0]
BINDING = r"/pods/[^/]+/binding$"


async def bind_web(stage: SandboxStage, count: int = 4) -> list[Pod]:
    workload = dataclasses.replace(WEB, replicas=count)
    await create(stage, workload.pods(stage.registry, SCHEDULER_NAME), PODS)
    return await all_bound(stage, "web", count)


async def test_a_binding_that_is_refused_by_a_broken_server_is_tried_again(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    empty_stage.server.faults.refuse("POST", BINDING, status=500, times=6)
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log"):
        await bind_web(empty_stage)


async def test_a_binding_whose_answer_is_lost_is_settled_by_reading_the_pod(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    empty_stage.server.faults.hang_up("POST", BINDING, after_effect=True, times=2)
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log") as scheduler:
        pods = await bind_web(empty_stage)
        for pod in pods:
            await event_of(empty_stage, pod.metadata.name, "Scheduled")
        assert "running Bind plugin" not in scheduler.last_lines(200)


async def test_a_binding_that_never_arrived_is_made_anew(empty_stage: SandboxStage, tmp_path: Path) -> None:
    empty_stage.server.faults.hang_up("POST", BINDING, after_effect=False, times=3)
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log"):
        await bind_web(empty_stage)


async def test_a_pod_whose_binding_is_rejected_is_told_and_tried_again(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    empty_stage.server.faults.refuse("POST", BINDING, status=403, reason="Forbidden", message="not you")
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log"):
        (pod,) = await bind_web(empty_stage, 1)
        event = await event_of(empty_stage, pod.metadata.name, "FailedScheduling")
        assert "not you" in event.note


async def test_pods_are_bound_though_watches_are_cut_and_history_is_forgotten(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log") as scheduler:
        await ready(scheduler)
        for _ in range(3):
            empty_stage.server.forget_history()
            empty_stage.server.cut_watches()
            await asyncio.sleep(0.2)
        await bind_web(empty_stage, 20)


async def test_a_killed_scheduler_leaves_nothing_that_its_successor_does_not_finish(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    manifests = small(dataclasses.replace(WEB, replicas=200).pods(empty_stage.registry, SCHEDULER_NAME))
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "first.log") as first:
        await create(empty_stage, manifests[:100], PODS)
        await eventually("the first pods are bound", lambda: some_bound(empty_stage))
        await first.kill()
    await create(empty_stage, manifests[100:], PODS)
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "second.log"):
        await all_bound(empty_stage, "web", 200)
    assert empty_stage.server.requests["POST pods/binding"] <= 202, "a bound pod was bound again"


async def test_a_registry_that_hangs_holds_up_its_own_images_only(empty_stage: SandboxStage, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("images: {timeoutSeconds: 1}\n")
    empty_stage.images.inject(registry_faults.hang(), repository="slow/app")
    slow = ScenarioImage("slow/app", "1", (AMD64,))
    empty_stage.push(slow)
    workload = Workload("slow", (slow.name,), 1, frozenset())
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log", f"--config={settings}"):
        await create(empty_stage, workload.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
        await bind_web(empty_stage, 10)
        await told_why(empty_stage, "slow", f"registry {empty_stage.registry} did not answer")


async def test_a_broken_image_is_an_error_of_that_image_only(empty_stage: SandboxStage, tmp_path: Path) -> None:
    faults = {
        "broken/json": registry_faults.body(b"{"),
        "broken/size": registry_faults.oversized(50 * 2**20),
    }
    for repository, fault in faults.items():
        empty_stage.push(ScenarioImage(repository, "1", (AMD64,)))
        empty_stage.images.inject(fault, repository=repository)
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log"):
        for repository in faults:
            workload = Workload(repository.replace("/", "-"), (f"{repository}:1",), 1, frozenset())
            await create(empty_stage, workload.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
        await bind_web(empty_stage, 10)
        for repository in faults:
            why = await told_why(empty_stage, repository.replace("/", "-"), f"{repository}:1")
            assert why.startswith("waiting to learn which platforms image")


async def test_an_api_server_that_is_not_there_yet_is_waited_for_and_named(tmp_path: Path) -> None:
    server = SandboxApiServer(anonymous=True)
    await server.start()
    kubeconfig, port = tmp_path / "kubeconfig", int(server.url.rpartition(":")[2])
    server.write_kubeconfig(kubeconfig)
    await server.stop()
    async with scheduler_process(kubeconfig, tmp_path / "scheduler.log") as scheduler:

        async def complained() -> bool:
            return bool(re.search(rf"127\.0\.0\.1:{port}.*trying again in", scheduler.last_lines()))

        await eventually("the scheduler names the server that it cannot reach", complained)
        again = SandboxApiServer(anonymous=True)
        again.token = server.token
        await again.start(port=port)
        try:
            await ready(scheduler)
        finally:
            await again.stop()


async def some_bound(stage: SandboxStage) -> bool:
    return any(pod.spec.node_name for pod in await pods_of(stage, "web"))


async def ready(scheduler: SchedulerProcess) -> None:
    async def is_ready() -> bool:
        scheduler.check()
        return " ready " in scheduler.last_lines(100)

    await eventually("the scheduler is ready", is_ready)
