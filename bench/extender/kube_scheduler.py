"""What an extender costs kube-scheduler, and what it gives: pods per second and CPU, on the real control plane.

Run ``python -m bench.extender.kube_scheduler``; it needs the binaries of ``make real-binaries``. Every round plays all
variants once, one after the other on the same cluster, and medians are compared, because a machine has good and bad
minutes. How one is measured is ``bench.e2e``'s: kube-scheduler stands still while pods are created, and nothing but
the API server's journal counts what is bound.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.core import machine
from bench.e2e.arena import an_arena
from bench.e2e.contenders import Contender, let_processes_import_this
from bench.e2e.course import make_course
from bench.e2e.measuring import Burst, burst
from bench.e2e.progress import a_step
from bench.e2e.report import median
from bench.extender.assisted import alone, with_echo, with_extender
from scheduler.sandbox.registry import SandboxRegistry

WORKLOAD = "simple"
LINUX = ("linux/amd64", "linux/arm64")
EVERYWHERE = (*LINUX, "windows(10.0.20348.2700)/amd64")
"""A fifth of the nodes are Windows."""

STREAMS = "--http2-max-streams-per-connection=1000"
"""On two cores that all share, more bindings are under way than the default of 100: kube-scheduler would open
connections by the dozen, and their handshakes would be charged to whatever is fastest."""

SELDOM = {"GOGC": "400"}
"""How the API server collects its garbage: not within a burst. Otherwise up to 0.4 s of CPU for marking its heap fall
into one burst of three seconds, and nothing into the next."""


@dataclass
class Variant:
    """One way to configure kube-scheduler, and what the pods' image is built for."""

    contender: Contender
    platforms: tuple[str, ...] = LINUX
    bursts: list[Burst] = field(default_factory=list)


def variants() -> list[Variant]:
    """The first is what the others are compared with. In the same two the echo and filter give the same answers."""
    return [
        Variant(alone()),
        Variant(with_echo(), EVERYWHERE),
        Variant(with_extender("filter, all nodes can run it", mode="filter", percentage=0), EVERYWHERE),
        Variant(with_extender("filter, a fifth cannot", mode="filter", percentage=0)),
        *(
            Variant(with_extender(f"narrowed to {most}", f"{{maxNodes: {most}}}", mode="narrow", percentage=0))
            for most in (16, 4, 1)
        ),
        Variant(alone("no extender, 100 nodes looked at", percentageOfNodesToScore=1)),
        Variant(with_extender("narrowed to 4, 100 nodes sent", mode="narrow", percentage=1)),
        Variant(with_extender("delegated", mode="delegated")),
        Variant(with_extender("delegated, 500 nodes sent", mode="delegated", percentage=0)),
        Variant(with_extender("delegated, all nodes sent", mode="delegated", percentage=100)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.extender.kube_scheduler")
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--pods", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", metavar="VARIANT", help="beside kube-scheduler alone")
    arguments = parser.parse_args()
    console = Console(width=120, highlight=False)
    let_processes_import_this()
    played = [
        each for each in variants() if not arguments.only or each.contender.title in ("no extender", *arguments.only)
    ]
    asyncio.run(run(console, played, arguments))
    console.print(table(played, arguments))
    console.print(f"Medians of {arguments.rounds} interleaved rounds. Machine: {machine()}")


async def run(console: Console, played: list[Variant], arguments: argparse.Namespace) -> None:
    """Fills the variants' bursts. Raises RunFailed."""
    registries: dict[tuple[str, ...], SandboxRegistry] = {
        platforms: SandboxRegistry() for platforms in (LINUX, EVERYWHERE)
    }
    for registry in registries.values():
        await registry.start()
    courses = {
        platforms: make_course(WORKLOAD, registry, arguments.nodes, {"measured": arguments.pods}, platforms)
        for platforms, registry in registries.items()
    }
    with tempfile.TemporaryDirectory(prefix="bench-extender-") as folder:
        async with an_arena(Path(folder), STREAMS, api_server_environment=SELDOM) as arena:
            with a_step(console, "nodes") as progress:
                await arena.furnish(courses[LINUX], progress)
            for number in range(arguments.rounds):
                for variant in played:
                    what = f"round {number + 1}, {variant.contender.title}"
                    with a_step(console, what) as progress:
                        found = await burst(arena, variant.contender, courses[variant.platforms], progress)
                    variant.bursts.append(found)
                    console.print(f"{what}: {found}", soft_wrap=True)
    for registry in registries.values():
        await registry.stop()


def table(played: list[Variant], arguments: argparse.Namespace) -> Table:
    made = Table(title=f"kube-scheduler v1.37.2, {arguments.nodes:,} nodes, {arguments.pods:,} pods")
    made.add_column("", no_wrap=True)
    for column in ("pods/s", "of none", "CPU ms per pod", "of none", "extender's", "API server's", "etcd's"):
        made.add_column(column, justify="right", no_wrap=True)
    rates = [median(variant.bursts, lambda run: run.rate) for variant in played]
    used = [median(variant.bursts, lambda run: run.scheduler_cpu) * 1e3 for variant in played]
    for variant, rate, cpu in zip(played, rates, used, strict=True):
        others = (
            median(variant.bursts, each) * 1e3
            for each in (lambda run: run.helper_cpu, lambda run: run.api_server_cpu, lambda run: run.etcd_cpu)
        )
        made.add_row(
            variant.contender.title,
            f"{rate:,.0f}",
            f"{rate / rates[0]:.2f}",
            f"{cpu:.2f}",
            f"{cpu / used[0]:.2f}",
            *(f"{each:.2f}" for each in others),
        )
    return made


if __name__ == "__main__":
    main()
