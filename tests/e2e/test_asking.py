"""The commands that ask a cluster, as a user runs them: what they print, and what their exit codes say."""

from __future__ import annotations

import asyncio
import json
import sys

from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.scenario import ARM_NODES, WORKLOADS, Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import PODS


async def command(*arguments: str) -> tuple[int, str, str]:
    """Runs ``multiarch-scheduler``; its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scheduler", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"COLUMNS": "200", "HOME": "/nowhere", "PATH": ""},
    )
    output, errors = await asyncio.wait_for(process.communicate(), 45)
    return process.returncode or 0, output.decode(), errors.decode()


async def test_explain_tells_of_a_pending_pod_which_platforms_its_image_lacks(empty_stage: SandboxStage) -> None:
    stage = empty_stage
    inference = Workload("inference", ("shop/inference:0.9",), 1, frozenset(ARM_NODES))
    (pod,) = inference.pods(stage.registry, SCHEDULER_NAME)
    pod["spec"]["nodeSelector"] = {"kubernetes.io/arch": "amd64"}
    await create(stage, [pod], PODS)
    access = f"--kubeconfig={stage.kubeconfig}"
    code, output, errors = await command("explain", "pod", "inference-0", access)
    assert (code, errors) == (0, "")
    assert "default/inference-0: Pending, on no node, scheduler multiarch-scheduler" in output
    assert f"2 node(s) would take it if {stage.registry}/shop/inference:0.9 ran on linux/amd64: amd64-0" in output
    assert "2 node(s) would take it without the pod's node selector and required node affinity" in output

    code, output, _ = await command("explain", "pod", "inference-0", access, "-o", "json", "--group-by", "zone")
    told = json.loads(output)
    assert code == 0
    assert {group["group"] for group in told["groups"]} == {"without zone"}
    assert told["images"][0]["platforms"] == ["linux/arm64/v8"]


async def test_explain_says_what_is_not_there(empty_stage: SandboxStage) -> None:
    access = f"--kubeconfig={empty_stage.kubeconfig}"
    code, output, errors = await command("explain", "pod", "nobody", "-n", "shop", access)
    assert (code, output) == (1, "")
    assert errors == f"Error: {empty_stage.client.server}: there is no pod nobody in namespace shop\n"
    code, _, errors = await command("explain", "pod", "nobody", "--kubeconfig=/nowhere/kubeconfig")
    assert code == 1
    assert "/nowhere/kubeconfig" in errors
    assert "Traceback" not in errors


async def test_report_tells_which_workloads_run_where_and_what_is_in_the_way(empty_stage: SandboxStage) -> None:
    stage = empty_stage
    for workload in WORKLOADS:
        await create(stage, workload.pods(stage.registry, SCHEDULER_NAME)[:1], PODS)
    access = f"--kubeconfig={stage.kubeconfig}"
    code, output, _ = await command("report", access, "-o", "json")
    assert code == 0
    found = json.loads(output)
    assert [row["platform"] for row in found["platforms"]] == [
        "linux/amd64",
        "linux/arm64",
        "windows(10.0.17763)/amd64",
        "windows(10.0.20348)/amd64",
    ]
    standings = {row["name"]: row["standings"] for row in found["workloads"]}
    assert standings["web-0"]["linux/arm64"] == "ready"
    assert standings["web-with-legacy-0"]["linux/arm64"] == "blocked"
    assert standings["ghost-0"]["linux/arm64"] == "unknown"
    legacy = next(row for row in found["images"] if "legacy" in row["image"])
    assert legacy["blocks"]["linux/arm64"] == 2

    code, page, _ = await command("report", access, "-o", "html", "--platform", "linux/riscv64")
    assert code == 0
    assert page.startswith("<!doctype html>")
    assert "linux/riscv64" in page
    code, output, _ = await command("report", access, "-n", "empty")
    assert (code, "0 of 0" in output) == (0, True)
    code, _, errors = await command("report", access, "--platform", "arm")
    assert (code, "'arm'" in errors) == (1, True)
