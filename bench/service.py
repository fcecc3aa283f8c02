"""The whole scheduler as a process: pods bound per second, CPU time and resident memory in a big cluster.

Run ``python -m bench.service``. An embedded API server in this process holds the cluster, the scheduler is the
unchanged command; both share the machine, so the pods per second are a floor. Memory and CPU are the scheduler's own,
as the operating system counts them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.core import machine
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, node
from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from scheduler.sandbox.scenario import AMD64, ARM64, ScenarioImage, Workload
from scheduler.sandbox.stage import SandboxStage, sandbox_stage

IMAGE = ScenarioImage("bench/app", "1", (AMD64, ARM64))
LONGEST = 600.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What the operating system says of a process."""

    cpu_seconds: float
    resident: int
    peak: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.service", description="Measure the scheduler process.")
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--placed", type=int, default=9_000, help="pods that run already when it starts")
    parser.add_argument("--pods", type=int, default=1_000, help="pods that it has to place")
    arguments = parser.parse_args()
    console = Console()
    table = asyncio.run(measure(console, arguments.nodes, arguments.placed, arguments.pods))
    console.print(table)
    console.print(f"Machine: {machine()}")


async def measure(console: Console, nodes: int, placed: int, pods: int) -> Table:
    """A cluster with ``placed`` pods, and ``pods`` more to place."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with sandbox_stage(folder, kubelets=False) as stage:
            with console.status(f"filling a cluster of {nodes:,} nodes and {placed:,} pods"):
                fill(stage, nodes, placed)
            async with scheduler_process(stage.kubeconfig, folder / "log", "--log-level=warning") as scheduler:
                with console.status("waiting until the scheduler has read it"):
                    await has_read(stage)
                    idle = usage(scheduler)
                with console.status(f"placing {pods:,} pods"):
                    seconds = await place(stage, scheduler, pods)
                return table(idle, usage(scheduler), nodes, placed, pods, seconds)


def fill(stage: SandboxStage, nodes: int, placed: int) -> None:
    stage.push(IMAGE)
    for number in range(nodes):
        machine_kind = ARM64_LINUX if number % 2 else AMD64_LINUX
        stage.server.create(node(f"node-{number}", machine_kind, cpus=32, memory_gib=128))
    for number, pod in enumerate(Workload("placed", (IMAGE.name,), placed, frozenset()).pods(stage.registry, "other")):
        pod["spec"]["nodeName"] = f"node-{number % nodes}"
        stage.server.create(pod)


async def has_read(stage: SandboxStage) -> None:
    """The scheduler watches pods only after it has listed them all."""
    deadline = time.monotonic() + LONGEST
    while not stage.server.requests["WATCH pods"]:
        if time.monotonic() > deadline:
            raise TimeoutError("the scheduler did not read the cluster")
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)


async def place(stage: SandboxStage, scheduler: SchedulerProcess, pods: int) -> float:
    """Seconds from the first pod created to the last one bound."""
    manifests = Workload("new", (IMAGE.name,), pods, frozenset()).pods(stage.registry, "multiarch-scheduler")
    started = time.monotonic()
    for number, pod in enumerate(manifests):
        stage.server.create(pod)
        if number % 50 == 0:
            await asyncio.sleep(0)
    while stage.server.requests["POST pods/binding"] < pods:
        scheduler.check()
        if time.monotonic() > started + LONGEST:
            raise TimeoutError(f"only {stage.server.requests['POST pods/binding']} of {pods} pods were bound")
        await asyncio.sleep(0.01)
    return time.monotonic() - started


def usage(scheduler: SchedulerProcess) -> Usage:
    """From /proc, so on Linux only."""
    fields = Path(f"/proc/{scheduler.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])  # user and system time, fields 14 and 15 of the whole line
    status = dict(line.split(":", 1) for line in Path(f"/proc/{scheduler.pid}/status").read_text("ascii").splitlines())
    kib = {name: int(status[name].split()[0]) for name in ("VmRSS", "VmHWM")}
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), kib["VmRSS"] * 1024, kib["VmHWM"] * 1024)


def table(idle: Usage, done: Usage, nodes: int, placed: int, pods: int, seconds: float) -> Table:
    found = Table(title=f"{nodes:,} nodes, {placed:,} pods placed before, {pods:,} to place")
    found.add_column("")
    found.add_column("", justify="right")
    found.add_row("start and first lists, CPU", f"{idle.cpu_seconds:.1f} s")
    found.add_row("resident before the first pod", f"{idle.resident / 1e6:.0f} MB")
    found.add_row("resident after the last pod", f"{done.resident / 1e6:.0f} MB")
    found.add_row("most ever resident", f"{done.peak / 1e6:.0f} MB")
    found.add_row("pods bound per second", f"{pods / seconds:,.0f}")
    found.add_row("CPU per pod, all included", f"{(done.cpu_seconds - idle.cpu_seconds) / pods * 1e6:,.0f} us")
    return found


if __name__ == "__main__":
    main()
