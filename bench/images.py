"""Learning what images are built for: cold, crowded and warm. Run ``python -m bench.images``.

Owns the measurement of the registry side alone, against a registry on the loopback in this process, whose own work is
in the figures: they are floors. Requests are counted by the registry, since registries count them too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.core import machine
from scheduler.images.content import ImageContent
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox.registry import SandboxRegistry

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "linux/ppc64le", "linux/riscv64")
LOOK_UPS = 200_000


@dataclass(frozen=True, slots=True)
class Cold:
    """Images that nobody has asked for yet, all at once."""

    indexes: int
    singles: int
    seconds: float
    heads: int
    gets_of_indexes: int
    gets_of_singles: int
    """Manifests and configs."""
    cache_bytes: int

    @property
    def images(self) -> int:
        return self.indexes + self.singles


@dataclass(frozen=True, slots=True)
class Crowd:
    """Pods of one image, all at once."""

    pods: int
    seconds: float
    flights: int
    """Conversations with the registry, one HEAD each."""


@dataclass(frozen=True, slots=True)
class Warm:
    """Questions whose answer is known."""

    images: int
    look_ups: int
    seconds: float

    @property
    def microseconds(self) -> float:
        return self.seconds / self.look_ups * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.images", description="Measure the registry side.")
    parser.add_argument("--images", type=int, default=1_000, help="distinct images (default: %(default)s)")
    parser.add_argument("--pods", type=int, default=10_000, help="pods of one image (default: %(default)s)")
    arguments = parser.parse_args()
    console = Console()
    with console.status(f"reading {arguments.images:,} images"):
        found, warm = asyncio.run(cold_and_warm(arguments.images))
    with console.status(f"asking for {arguments.pods:,} pods"):
        crowded = asyncio.run(crowd(arguments.pods))
    console.print(table(found, crowded, warm))
    console.print(f"Default limits, {RegistrySettings().concurrency} requests at once. Machine: {machine()}")


async def cold_and_warm(images: int, look_ups: int = LOOK_UPS) -> tuple[Cold, Warm]:
    """Half of the images are indexes for six platforms with attestations, half are single manifests."""
    async with _parts() as (registry, resolver):
        singles = images // 2
        for number in range(images - singles):
            registry.push_index(f"bench/index-{number}", "1", PLATFORMS, attestations=True)
        for number in range(singles):
            registry.push_image(f"bench/single-{number}", "1", PLATFORMS[number % len(PLATFORMS)])
        names = [f"{registry.address}/bench/index-{number}:1" for number in range(images - singles)]
        names += [f"{registry.address}/bench/single-{number}:1" for number in range(singles)]
        start = time.perf_counter()
        answers = await asyncio.gather(*map(resolver.resolve, names))
        seconds = time.perf_counter() - start
        _must_be_known(answers)
        cold = Cold(
            images - singles,
            singles,
            seconds,
            _count(registry, "HEAD", "bench/"),
            _count(registry, "GET", "bench/index-"),
            _count(registry, "GET", "bench/single-"),
            resolver.cache.size,
        )
        return cold, _warm(resolver, names, look_ups)


async def crowd(pods: int) -> Crowd:
    """As when a Deployment of so many replicas is created."""
    async with _parts() as (registry, resolver):
        registry.push_index("bench/app", "1", PLATFORMS)
        name = f"{registry.address}/bench/app:1"
        start = time.perf_counter()
        answers = await asyncio.gather(*[resolver.resolve(name) for _ in range(pods)])
        seconds = time.perf_counter() - start
        _must_be_known(answers)
        return Crowd(pods, seconds, _count(registry, "HEAD", "bench/"))


def table(cold: Cold, crowded: Crowd, warm: Warm) -> Table:
    """All of it beside what is promised."""
    found = Table(title="What images are built for, over a registry on the loopback")
    found.add_column("")
    found.add_column("measured", justify="right", no_wrap=True)
    found.add_column("promised", justify="right", no_wrap=True)
    found.add_row(f"{cold.images:,} distinct images, cold", f"{cold.seconds:.2f} s", "10 s")
    found.add_row("HEADs per image, not counted as pulls", f"{cold.heads / cold.images:.2f}", "1")
    found.add_row("GETs per index", f"{cold.gets_of_indexes / cold.indexes:.2f}", "1")
    if cold.singles:
        found.add_row("GETs per single manifest", f"{cold.gets_of_singles / cold.singles:.2f}", "2")
    found.add_row("memory per image", f"{cold.cache_bytes / cold.images / 1e3:.1f} KB", "")
    found.add_section()
    found.add_row(f"{crowded.pods:,} pods of one image", f"{crowded.seconds:.2f} s", "")
    found.add_row("conversations with the registry", str(crowded.flights), "1")
    found.add_section()
    found.add_row(f"warm look-up among {warm.images:,} images", f"{warm.microseconds:.2f} us", "2 us")
    return found


@contextlib.asynccontextmanager
async def _parts() -> AsyncIterator[tuple[SandboxRegistry, Resolver]]:
    registry, resolver = SandboxRegistry(), Resolver(RegistrySettings(use_proxies=False))
    await registry.start()
    try:
        yield registry, resolver
    finally:
        await resolver.close()
        await registry.stop()


def _warm(resolver: Resolver, names: Sequence[str], look_ups: int) -> Warm:
    known = resolver.known
    rounds = max(1, look_ups // len(names))
    start = time.process_time()
    for _ in range(rounds):
        for name in names:
            known(name)
    return Warm(len(names), rounds * len(names), time.process_time() - start)


def _count(registry: SandboxRegistry, method: str, prefix: str) -> int:
    return sum(
        number
        for (asked, _, repository), number in registry.requests.items()
        if asked == method and repository.startswith(prefix)
    )


def _must_be_known(answers: Sequence[object]) -> None:
    for answer in answers:
        if not isinstance(answer, ImageContent):
            raise TypeError(f"an image could not be read: {answer}")


if __name__ == "__main__":
    main()
