"""What the running scheduler tells operators over HTTP: its health, what it runs with, and why a pod is where it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aiohttp

from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from scheduler.sandbox.scenario import ARM_NODES, MAINFRAME, ScenarioImage, Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import PODS, all_bound, eventually, told_why


async def get(scheduler: SchedulerProcess, path: str) -> tuple[int, str]:
    port = re.search(r"health_port=(\d+)", scheduler.log.read_text())
    assert port is not None
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port[1]}{path}") as answer:
        return answer.status, await answer.text()


async def document(scheduler: SchedulerProcess, path: str) -> Any:
    status, text = await get(scheduler, path)
    assert status == 200, text
    return json.loads(text)


async def test_its_health_is_told_check_by_check(empty_stage: SandboxStage, tmp_path: Path) -> None:
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log") as scheduler:

        async def ready() -> str | None:
            status, text = await get(scheduler, "/readyz?verbose")
            return text if status == 200 else None

        await said(scheduler, "health_port=")
        lines = (await eventually("it is ready", ready)).splitlines()
        assert lines == ["[+]ping ok", "[+]sched-handler-sync ok", "[+]shutdown ok", "readyz check passed"]
        assert await get(scheduler, "/healthz/leaderElection") == (200, "ok")


async def test_it_shows_what_it_runs_with(empty_stage: SandboxStage, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("images: {unknown: {policy: open}}\nbackoff: {maxSeconds: 7}\n")
    option = f"--config={tmp_path / 'settings.yaml'}"
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log", option) as scheduler:
        await said(scheduler, "health_port=")
        shown = await document(scheduler, "/configz")
    assert shown["multiarch-scheduler.io"]["images"]["unknown"]["policy"] == "open"
    assert shown["multiarch-scheduler.io"]["serving"]["port"] == 0
    configuration = shown["kubescheduler.config.k8s.io"]
    assert configuration["podMaxBackoffSeconds"] == 7
    (profile,) = configuration["profiles"]
    assert profile["schedulerName"] == SCHEDULER_NAME
    assert {"name": "ImagePlatform"} in profile["plugins"]["filter"]["enabled"]


async def test_it_tells_why_a_pod_is_where_it_is_or_nowhere(empty_stage: SandboxStage, tmp_path: Path) -> None:
    stage = empty_stage
    image = ScenarioImage("late/mainframe", "1", (MAINFRAME,))
    stage.push(image)
    placed = Workload("placed", ("shop/inference:0.9",), 1, frozenset(ARM_NODES))
    nowhere = Workload("nowhere", (image.name,), 1, frozenset())
    async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log") as scheduler:
        for workload in (placed, nowhere):
            await create(stage, workload.pods(stage.registry, SCHEDULER_NAME), PODS)
        (pod,) = await all_bound(stage, "placed", 1)
        message = await told_why(stage, "nowhere", "linux/s390x")

        decision = (await document(scheduler, "/debug/pod/default/placed-0"))["lastDecision"]
        assert decision["node"] == pod.spec.node_name
        assert (decision["feasibleNodes"], decision["evaluatedNodes"]) == (2, 6)
        assert decision["attempt"] == 1

        metrics = (await get(scheduler, "/metrics"))[1]
        for point, status in (("Bind", "Success"), ("PostFilter", "Unschedulable")):
            labels = f'extension_point="{point}",profile="{SCHEDULER_NAME}",status="{status}"'
            assert f"scheduler_framework_extension_point_duration_seconds_count{{{labels}}}" in metrics

        report = await document(scheduler, "/debug/pod/default/nowhere-0")
        assert report["pending"]["stage"] == "unschedulable"
        assert report["lastDecision"]["message"] == message
        assert report["lastDecision"]["rejectedBy"] == ["ImagePlatform"]
        (known,) = report["images"]
        assert known["platforms"] == "built for linux/s390x"
        assert report["nodesNow"]["feasible"] == {"count": 0, "nodes": []}
        (group,) = report["nodesNow"]["rejected"]
        assert (group["plugin"], group["count"], len(group["nodes"])) == ("ImagePlatform", 6, 6)

        assert (await get(scheduler, "/debug/pod/default/nobody"))[0] == 404


async def said(scheduler: SchedulerProcess, phrase: str) -> None:
    async def there() -> bool | None:
        scheduler.check()
        return phrase in scheduler.log.read_text() or None

    await eventually(f"the scheduler says {phrase}", there)
