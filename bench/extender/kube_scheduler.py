"""What an extender costs kube-scheduler, and what it gives: pods per second and CPU, on the real control plane.

Run ``python -m bench.extender.kube_scheduler``; it needs the binaries of ``make real-binaries``. Every round plays all
variants once, one after the other on the same cluster, and medians are compared, because a machine has good and bad
minutes. kube-scheduler is stopped (SIGSTOP) while pods are created, so creating them costs nothing that is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.cluster import a_bench_node, a_bench_pod
from bench.core import machine
from scheduler.images.platform import parse_platform
from scheduler.kube.connection import connect
from scheduler.kube.requests import ApiClient
from scheduler.sandbox.registry import SandboxRegistry
from tests.cluster.control_plane import ControlPlane
from tests.cluster.extender import QUICK_STOP, ExtenderProcess
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.processes import Process, free_port

PODS = "/api/v1/namespaces/default/pods"
LONGEST = 120.0
STREAMS = "--http2-max-streams-per-connection=1000"
"""On two cores that all share, more bindings are under way than the default of 100: kube-scheduler would open
connections by the dozen, and their handshakes would be charged to whatever is fastest."""
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Variant:
    """One way to configure kube-scheduler. ``wanted``: options of ``multiarch-extender config``; None: no extender."""

    name: str
    wanted: dict[str, Any] | None
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    extender_cpu: list[float] = field(default_factory=list)


VARIANTS = (
    Variant("no extender", None),
    Variant("zero-cost echo", {"mode": "echo"}),
    Variant("filter", {"mode": "filter", "percentage": 0}),
    Variant("narrowed to 16", {"mode": "narrow", "percentage": 0}),
    Variant("delegated", {"mode": "delegated"}),
    Variant("delegated, a tenth sent", {"mode": "delegated", "percentage": 0}),
    Variant("delegated, all nodes sent", {"mode": "delegated", "percentage": 100}),
)


class _Meta(msgspec.Struct):
    name: str


class _Named(msgspec.Struct):
    metadata: _Meta


class _Added(msgspec.Struct):
    """Of a watch's line, which pod it is about."""

    object: _Named


class Echo(Process):
    """``bench.extender.echo`` as a process."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        super().__init__("echo", [sys.executable, "-m", "bench.extender.echo", str(self.port)], folder)

    def configuration(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}"
        return {"extenders": [{"urlPrefix": url, "filterVerb": "filter", "nodeCacheCapable": True}]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.extender.kube_scheduler")
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--pods", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    console = Console(width=110)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
    with tempfile.TemporaryDirectory() as name, ControlPlane(Path(name), api_server_flags=[STREAMS]) as control_plane:
        asyncio.run(run(console, control_plane, Path(name), arguments))


async def run(console: Console, control_plane: ControlPlane, folder: Path, arguments: argparse.Namespace) -> None:
    client = await connect(str(control_plane.kubeconfig))
    async with a_registry() as image:
        with console.status(f"creating {arguments.nodes:,} nodes"):
            await _create(client, "/api/v1/nodes", map(_node, range(arguments.nodes)))
        for number in range(arguments.rounds):
            for variant in VARIANTS:
                with console.status(f"round {number + 1}: {variant.name}"):
                    place = Path(tempfile.mkdtemp(dir=folder))
                    await play(client, control_plane, place, variant, image, arguments.pods)
    await client.close()
    console.print(table(arguments))
    console.print(f"Medians of {arguments.rounds} interleaved rounds. Machine: {machine()}")


@contextlib.asynccontextmanager
async def a_registry() -> AsyncIterator[str]:
    """An image for both Linux platforms, by name."""
    registry = SandboxRegistry()
    await registry.start()
    registry.push_index("bench/app", "1", [parse_platform(name) for name in ("linux/amd64", "linux/arm64")])
    yield f"{registry.address}/bench/app:1"
    await registry.stop()


async def play(client: ApiClient, plane: ControlPlane, folder: Path, variant: Variant, image: str, pods: int) -> None:
    """One round of one variant: the pods are all waiting when the clock starts, and gone afterwards."""
    with contextlib.ExitStack() as stack:
        answering, configuration = _answering(stack, folder, plane, variant)
        scheduler = stack.enter_context(KubeScheduler(folder, plane.kubeconfig, configuration))
        os.kill(scheduler.pid, signal.SIGSTOP)
        await _create(client, PODS, (_pod(number, image) for number in range(pods)))
        await asyncio.sleep(1.0)  # the extender has seen them
        before = _cpu(scheduler), 0.0 if answering is None else _cpu(answering)
        counting = asyncio.create_task(_bound(client, pods))
        await asyncio.sleep(0.2)
        os.kill(scheduler.pid, signal.SIGCONT)
        variant.rates.append(await counting)
        variant.cpu.append((_cpu(scheduler) - before[0]) / pods * 1e3)
        variant.extender_cpu.append(0.0 if answering is None else (_cpu(answering) - before[1]) / pods * 1e3)
    await client.request("DELETE", PODS, body=b'{"gracePeriodSeconds": 0}', seconds=120.0)


def _answering(
    stack: contextlib.ExitStack, folder: Path, plane: ControlPlane, variant: Variant
) -> tuple[Process | None, dict[str, Any]]:
    if variant.wanted is None:
        return None, {}
    if variant.wanted["mode"] == "echo":
        echo = stack.enter_context(Echo(folder))
        time.sleep(1.0)
        return echo, echo.configuration()
    extender = stack.enter_context(ExtenderProcess(folder, plane.kubeconfig, QUICK_STOP, **variant.wanted))
    return extender, extender.configuration()


async def _bound(client: ApiClient, pods: int) -> float:
    """Pods per second between the first and the last one that the API server shows bound.

    The API server ends the watch of a reader that falls behind; the next one begins with what was missed.
    """
    first = 0.0
    seen: set[str] = set()
    query = {"watch": 1, "fieldSelector": "spec.nodeName!="}
    async with asyncio.timeout(LONGEST):
        while True:
            async for line in client.stream(PODS, query=query):
                if b'"type":"ADDED"' not in line[:40]:
                    continue
                seen.add(msgspec.json.decode(line, type=_Added).object.metadata.name)
                first = first or time.perf_counter()
                if len(seen) == pods:
                    return (pods - 1) / (time.perf_counter() - first)


async def _create(client: ApiClient, path: str, documents: Iterator[bytes] | Any, at_once: int = 32) -> None:
    waiting = iter(documents)

    async def worker() -> None:
        for document in waiting:
            await client.post(path, document)

    await asyncio.gather(*(worker() for _ in range(at_once)))


def _node(number: int) -> bytes:
    document = msgspec.to_builtins(a_bench_node(number))
    document |= {"apiVersion": "v1", "kind": "Node"}
    del document["metadata"]["uid"]
    document["status"]["capacity"] = document["status"]["allocatable"]
    for name in ("machineID", "systemUUID", "bootID", "osImage", "kubeletVersion", "kubeProxyVersion"):
        document["status"]["nodeInfo"].setdefault(name, "")
    return msgspec.json.encode(document)


def _pod(number: int, image: str) -> bytes:
    document = msgspec.to_builtins(a_bench_pod(number, 0))
    document |= {"apiVersion": "v1", "kind": "Pod"}
    document["metadata"] = {"name": document["metadata"]["name"], "labels": document["metadata"]["labels"]}
    document["spec"]["schedulerName"] = "default-scheduler"
    document["spec"]["containers"][0]["image"] = image
    document["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m", "memory": "128Mi"}}
    return msgspec.json.encode(document)


def _cpu(process: Process) -> float:
    """Seconds of CPU time, user and system."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def table(arguments: argparse.Namespace) -> Table:
    made = Table(title=f"kube-scheduler v1.37.2, {arguments.nodes:,} nodes, {arguments.pods:,} pods")
    made.add_column("", no_wrap=True)
    for column in ("pods/s", "of none", "ms CPU per pod", "of none", "extender's ms"):
        made.add_column(column, justify="right", no_wrap=True)
    rate, cpu = (statistics.median(values) for values in (VARIANTS[0].rates, VARIANTS[0].cpu))
    for variant in VARIANTS:
        own_rate, own_cpu = statistics.median(variant.rates), statistics.median(variant.cpu)
        made.add_row(
            variant.name,
            f"{own_rate:,.0f}",
            f"{own_rate / rate:.2f}",
            f"{own_cpu:.2f}",
            f"{own_cpu / cpu:.2f}",
            f"{statistics.median(variant.extender_cpu):.2f}",
        )
    return made


if __name__ == "__main__":
    main()
