"""``python -m bench.e2e``: which runs are made, in which order, and where the tables go.

Contenders take turns within each round, on the same cluster; each workload gets a new one. ``--profile`` runs ours
alone under cProfile and prints where its time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import pstats
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console

from bench.core import machine
from bench.e2e.arena import Arena, an_arena
from bench.e2e.contenders import FLOOR, OURS, THEIRS, Contender, let_processes_import_this, profiled
from bench.e2e.course import Course, make_course
from bench.e2e.measuring import RunFailed, burst, steady
from bench.e2e.progress import a_step
from bench.e2e.report import Bursts, Steadies, burst_table, put, steady_table
from scheduler.sandbox.registry import SandboxRegistry

BASIC = "simple"
WORKLOADS = (BASIC, "required-anti-affinity", "topology-spread", "preferred-affinity", "node-affinity", "churn")


class Bench:
    """What was asked for, and what was found so far."""

    def __init__(self, arguments: argparse.Namespace, console: Console) -> None:
        self._wanted = arguments
        self._console = console
        self._registry = SandboxRegistry()
        self._bursts: dict[str, Bursts] = {}
        self._steadies: dict[float, Steadies] = {}
        self._big: Bursts = {}

    async def run(self) -> None:
        await self._registry.start()
        try:
            for name in self._wanted.workloads:
                await self._workload(name)
            if self._wanted.rates:
                await self._rates()
            if self._wanted.big:
                await self._many()
        finally:
            await self._registry.stop()

    def tables(self) -> str:
        parts = []
        if self._bursts:
            parts.append(burst_table(self._bursts, OURS.title, THEIRS.title))
        if self._steadies:
            parts.append(steady_table(self._steadies))
        if self._big:
            parts.append(burst_table({f"basic, {self._wanted.big:,} pods": self._big}, OURS.title, THEIRS.title))
        return "\n\n".join(parts)

    async def _workload(self, name: str) -> None:
        course = self._course(name, self._wanted.pods)
        found = self._bursts.setdefault(course.title, {})
        async with self._arena(course) as arena:
            for number in range(self._wanted.rounds):
                for contender in self._contenders(number, FLOOR if name == BASIC else None):
                    what = f"{course.title}, round {number + 1}, {contender.title}"
                    with a_step(self._console, what) as progress:
                        result = await burst(arena, contender, course, progress)
                    found.setdefault(contender.title, []).append(result)
                    self._console.print(f"{what}: {result}", soft_wrap=True)

    async def _rates(self) -> None:
        course = self._course(BASIC, int(max(self._wanted.rates) * self._wanted.seconds))
        async with self._arena(course) as arena:
            for number in range(self._wanted.rounds):
                for rate in self._wanted.rates:
                    for contender in self._contenders(number):
                        what = f"{rate:,.0f} pods/s, round {number + 1}, {contender.title}"
                        with a_step(self._console, what) as progress:
                            result = await steady(arena, contender, course, rate, self._wanted.seconds, progress)
                        self._steadies.setdefault(rate, {}).setdefault(contender.title, []).append(result)
                        self._console.print(f"{what}: {result}", soft_wrap=True)

    async def _many(self) -> None:
        course = self._course(BASIC, self._wanted.big)
        async with self._arena(course) as arena:
            for contender in self._contenders(0):
                what = f"{self._wanted.big:,} pods, {contender.title}"
                with a_step(self._console, what) as progress:
                    result = await burst(arena, contender, course, progress)
                self._big.setdefault(contender.title, []).append(result)
                self._console.print(f"{what}: {result}", soft_wrap=True)

    def _course(self, name: str, pods: int) -> Course:
        return make_course(name, self._registry, self._wanted.nodes, {"measured": pods, "placed": self._wanted.pods})

    def _contenders(self, number: int, floor: Contender | None = None) -> list[Contender]:
        """Of a round: another one begins each time."""
        if self._wanted.profile:
            return [profiled(Path.cwd() / "profile")]
        known = [THEIRS, OURS, *([] if floor is None else [floor])]
        first = number % len(known)
        return [
            each for each in known[first:] + known[:first] if not self._wanted.only or each.title in self._wanted.only
        ]

    @contextlib.asynccontextmanager
    async def _arena(self, course: Course) -> AsyncIterator[Arena]:
        async with contextlib.AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-e2e-"))
            with a_step(self._console, f"{course.title}: etcd, kube-apiserver, nodes") as progress:
                arena = await stack.enter_async_context(an_arena(Path(folder)))
                await arena.furnish(course, progress)
            yield arena


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.e2e", description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=5_000, choices=(100, 1_000, 5_000, 15_000))
    parser.add_argument("--pods", type=int, default=2_000, help="measured in each burst")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workloads", nargs="*", default=WORKLOADS, choices=WORKLOADS, metavar="NAME")
    parser.add_argument("--rates", nargs="*", type=float, default=(150.0, 300.0), help="pods a second, for latency")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each steady rate")
    parser.add_argument("--big", type=int, default=20_000, help="pods of the largest burst; 0: none")
    parser.add_argument("--only", nargs="*", default=(), metavar="CONTENDER")
    parser.add_argument("--profile", action="store_true", help="ours alone, under cProfile")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this document")
    arguments = parser.parse_args()
    console = Console(width=140, highlight=False)
    let_processes_import_this()
    bench = Bench(arguments, console)
    failure = None
    try:
        asyncio.run(bench.run())
    except RunFailed as error:  # what was found until then is not lost
        failure = str(error)
    text = f"{bench.tables()}\n\nMachine: {machine()}; medians of {arguments.rounds} rounds."
    print(f"\n{text}")
    if failure is not None:
        sys.exit(f"It ended early: {failure}")
    if arguments.write is not None:
        put(text, arguments.write)
    if arguments.profile:
        pstats.Stats("profile").sort_stats("tottime").print_stats(60)


if __name__ == "__main__":
    main()
