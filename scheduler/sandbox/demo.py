"""``multiarch-scheduler demo``: the whole job before your eyes, on an embedded cluster.

Plays the ``scenario`` on a ``stage``: nodes join, images are pushed, the unchanged scheduler is started, pods are
created, and then it is told what happened (``demo_report``). Owns the order and the waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.sandbox import demo_report as report
from scheduler.sandbox.blind import misplaced
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.process import SchedulerFailed, SchedulerProcess, scheduler_process
from scheduler.sandbox.scenario import IMAGES, NODES, WORKLOADS, Workload
from scheduler.sandbox.stage import Manifest, Stage, sandbox_stage

SCHEDULER_NAME = "multiarch-scheduler"
SETTLE_SECONDS = 60.0
_POLL_SECONDS = 0.1


class DemoFailed(Exception):
    """The scenario did not end as it should."""


def run_demo(*, serve: bool) -> int:
    """The demo on the embedded cluster; the exit code."""
    console = Console(highlight=False)
    # Ended by SIGTERM it must not leave its scheduler behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        asyncio.run(_on_sandbox(console, serve=serve))
    except (DemoFailed, SchedulerFailed) as error:
        console.print(f"[bold red]The demo failed:[/] {error}")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
    return 0


async def _on_sandbox(console: Console, *, serve: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="multiarch-demo-") as folder:
        async with sandbox_stage(Path(folder)) as stage:
            await play(stage, console, Path(folder), serve=serve)


async def play(stage: Stage, console: Console, folder: Path, *, serve: bool = False) -> None:
    """The scenario from an empty cluster to the report. Raises DemoFailed, SchedulerFailed."""
    await create(stage, map(stage.as_node, scenario_nodes()), "/api/v1/nodes")
    nodes = await _nodes(stage)
    for image in IMAGES:
        stage.push(image)
    report.show_cluster(console, nodes)
    report.show_images(console, stage.registry)
    log = folder / "scheduler.log"
    async with scheduler_process(stage.kubeconfig, log, f"--log-level={'info' if serve else 'warning'}") as scheduler:
        started = time.perf_counter()
        with console.status("creating pods and waiting for the scheduler"):
            for workload in WORKLOADS:
                await create(stage, workload.pods(stage.registry, SCHEDULER_NAME), "/api/v1/namespaces/default/pods")
            pods = await settled(stage, scheduler)
        seconds = time.perf_counter() - started
        _report(console, stage, nodes, pods, seconds)
        if serve:
            report.show_invitation(console, stage.kubeconfig, log, stage.registry)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


async def create(stage: Stage, manifests: Iterable[Manifest], path: str) -> None:
    """POSTs each manifest to a collection."""
    for manifest in manifests:
        await stage.client.post(path, msgspec.json.encode(manifest))


async def settled(stage: Stage, scheduler: SchedulerProcess) -> list[Pod]:
    """All pods, once each is placed or has been told why not. Raises DemoFailed after a while."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        pods = (await stage.client.get("/api/v1/namespaces/default/pods", PodList)).items
        open_ = [pod.metadata.name for pod in pods if not pod.spec.node_name and not waiting_because(pod)]
        if not open_:
            return pods
        scheduler.check()
        if time.monotonic() > deadline:
            raise DemoFailed(f"no decision for {', '.join(open_)}; the scheduler's log:\n{scheduler.last_lines()}")
        await asyncio.sleep(_POLL_SECONDS)


def waiting_because(pod: Pod) -> str:
    """The text of PodScheduled=False; empty if there is none."""
    conditions = pod.status.conditions
    return next((each.message for each in conditions if each.type == "PodScheduled" and each.status == "False"), "")


class PodList(msgspec.Struct):
    items: list[Pod]


class NodeList(msgspec.Struct):
    items: list[Node]


async def _nodes(stage: Stage) -> list[Node]:
    nodes = (await stage.client.get("/api/v1/nodes", NodeList)).items
    return sorted(nodes, key=lambda node: NODES.index(node.name))


def _report(console: Console, stage: Stage, nodes: list[Node], pods: list[Pod], seconds: float) -> None:
    by_workload = {workload.name: _pods_of(workload, pods) for workload in WORKLOADS}
    placed = [(workload, by_workload[workload.name]) for workload in WORKLOADS if workload.runs_on]
    wrong = [pod for workload, pods in placed for pod in pods if pod.spec.node_name not in workload.runs_on]
    if wrong:
        raise DemoFailed("misplaced: " + ", ".join(f"{pod.metadata.name} on {pod.spec.node_name}" for pod in wrong))
    report.show_placed(console, placed, len(nodes))
    report.show_waiting(console, [pod for pod in pods if not pod.spec.node_name], stage.registry)
    blind = misplaced(nodes, [(pod, workload.runs_on) for workload, pods in placed for pod in pods])
    report.show_comparison(console, blind, sum(len(pods) for _, pods in placed), seconds)


def _pods_of(workload: Workload, pods: list[Pod]) -> list[Pod]:
    return [pod for pod in pods if pod.metadata.labels.get("app") == workload.name]
