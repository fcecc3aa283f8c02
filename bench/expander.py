"""The expander under the largest question that is promised an answer in time. Run ``python -m bench.expander``.

Owns the measurement: 1,000 node groups, each with room for the same 100 pods, over a real socket. Caller and registry
are in this process, so their work is in the figures, which are ceilings. Beside the time of an answer it tells the
longest time for which nothing else was done: in the scheduler, pods wait for it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from bench.core import machine
from scheduler.config.rpc import ExpanderSettings, RpcSettings
from scheduler.config.settings import Settings
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings
from scheduler.rpc.proto import objects_pb2 as pb
from scheduler.rpc.proto.expander_pb2 import BestOptionsRequest, BestOptionsResponse, Option
from scheduler.rpc.services import make_server
from scheduler.sandbox.registry import SandboxRegistry

METHOD = "/grpcplugin.Expander/BestOptions"
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/s390x", "windows/amd64")
PODS_OF_AN_IMAGE = 4
POD_BYTES = 1_000
WARM_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer."""

    seconds: float
    cpu_seconds: float
    stall: float
    """The longest time for which the event loop did nothing else."""
    groups: int
    """In the answer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The same question, first with images that nobody has asked for, then with known ones."""

    options: int
    pods: int
    images: int
    megabytes: float
    cold: Answered
    warm: tuple[Answered, ...]

    def median(self, field: str) -> float:
        """Of the warm rounds."""
        return float(statistics.median(getattr(answer, field) for answer in self.warm))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.expander", description="Measure the expander.")
    parser.add_argument("--options", type=int, default=1_000, help="node groups (default: %(default)s)")
    parser.add_argument("--pods", type=int, default=100, help="pods in each (default: %(default)s)")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))  # each answer is logged
    console = Console()
    with console.status(f"asking about {arguments.options:,} node groups"):
        measured = asyncio.run(measure(arguments.options, arguments.pods))
    console.print(table(measured))
    console.print(f"Warm: medians of {len(measured.warm)} rounds. Machine: {machine()}")


async def measure(options: int, pods: int, rounds: int = WARM_ROUNDS) -> Measured:
    """Ask one server, over one connection."""
    async with _parts() as (registry, address):
        images = max(1, pods // PODS_OF_AN_IMAGE)
        for number in range(images):
            registry.push_index(f"bench/app-{number}", "1", PLATFORMS[: 1 + number % 2])
        names = [f"{registry.address}/bench/app-{number % images}:1" for number in range(pods)]
        request = question(options, names).SerializeToString()
        async with grpc.aio.insecure_channel(address) as connection:
            call: Any = connection.unary_unary(METHOD, response_deserializer=BestOptionsResponse.FromString)
            cold = await _ask(call, request)
            warm = [await _ask(call, request) for _ in range(rounds)]
        return Measured(options, pods, images, len(request) / 1e6, cold, tuple(warm))


def question(options: int, images: list[str]) -> BestOptionsRequest:
    """Groups of all platforms in turn, each with room for a pod of each image."""
    pods = [_pod(f"pod-{number}", image) for number, image in enumerate(images)]
    nodes = [_node(platform) for platform in PLATFORMS]
    return BestOptionsRequest(
        options=[Option(nodeGroupId=f"group-{number}", nodeCount=1, podBytes=pods) for number in range(options)],
        nodeBytesMap={f"group-{number}": nodes[number % len(nodes)] for number in range(options)},
    )


def table(measured: Measured) -> Table:
    """All of it beside what is promised."""
    found = Table(title=f"{measured.options:,} node groups x {measured.pods:,} pods, {measured.megabytes:.0f} MB")
    found.add_column("")
    found.add_column("measured", justify="right", no_wrap=True)
    found.add_column("promised", justify="right", no_wrap=True)
    deadline = f"{ExpanderSettings().deadline_seconds:g} s"
    found.add_row(f"answer, {measured.images} images unknown", f"{measured.cold.seconds:.2f} s", deadline)
    found.add_row("answer, all images known", f"{measured.median('seconds'):.2f} s", deadline)
    found.add_row("CPU of caller and expander", f"{measured.median('cpu_seconds'):.2f} s", "")
    found.add_row("longest time without anything else", f"{measured.median('stall') * 1e3:.0f} ms", "")
    return found


@contextlib.asynccontextmanager
async def _parts() -> AsyncIterator[tuple[SandboxRegistry, str]]:
    registry, resolver = SandboxRegistry(), Resolver(RegistrySettings(use_proxies=False))
    await registry.start()
    settings = Settings(rpc=RpcSettings(enabled=True, host="127.0.0.1", port=0))
    server = make_server(settings, resolver, None, None, CollectorRegistry(), print)
    try:
        yield registry, f"127.0.0.1:{await server.start()}"
    finally:
        await server.stop(0)
        await resolver.close()
        await registry.stop()


async def _ask(call: Any, request: bytes) -> Answered:
    stalls = _Stalls()
    watching = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0)
    began, cpu_began = time.perf_counter(), time.process_time()
    response = await call(request, timeout=5)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    watching.cancel()
    return Answered(seconds, cpu_seconds, stalls.longest, len(response.options))


class _Stalls:
    """Looks at the clock as often as it gets a turn."""

    longest = 0.0

    async def watch(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest, last = max(self.longest, now - last), now


def _pod(name: str, image: str) -> bytes:
    """As large as pods are: what is not read here is a status."""
    read = pb.Pod(
        metadata=pb.ObjectMeta(name=name, namespace="bench", uid=name),
        spec=pb.PodSpec(containers=[pb.Container(name="main", image=image)]),
    ).SerializeToString()
    rest = max(0, POD_BYTES - len(read) - 3)
    return read + bytes([0x1A, rest & 0x7F | 0x80, rest >> 7]) + b" " * rest


def _node(platform: str) -> bytes:
    os, _, architecture = platform.partition("/")
    labels = {"kubernetes.io/os": os, "kubernetes.io/arch": architecture}
    return pb.Node(metadata=pb.ObjectMeta(name="template", labels=labels)).SerializeToString()


if __name__ == "__main__":
    main()
