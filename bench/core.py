"""The decision core alone: decisions per second against cluster size, and memory. Run ``python -m bench.core``.

Owns what is measured, in which order, and on what machine. The workloads are data (``bench.workloads``), one run of one
is in ``bench.runner``, memory in ``bench.memory``, what is made of it all in ``bench.report`` and ``bench.growth``.
Rounds go through all workloads before the next begins, so that a slow moment of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from bench import growth, memory, report, workloads
from bench.report import Figure
from bench.runner import CoreRunner

SIZES = (100, 1_000, 5_000, 15_000)
HUGE = 100_000
"""Measured in one round only, and only where asked for: making that many nodes takes longer than deciding."""
ROUNDS = 3
DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PICTURE = DOCUMENT.parent / "benchmarks" / "growth.svg"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.core", description="Measure the decision core.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="default: all of bench/workloads")
    parser.add_argument("--nodes", type=int, nargs="*", default=SIZES, help="cluster sizes (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of which the median counts (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"all of it, and {HUGE:,} nodes, into {DOCUMENT.name}")
    arguments = parser.parse_args()
    console = Console()
    names = arguments.workloads or workloads.names()
    unknown = set(names) - set(workloads.names())
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}; there are {', '.join(workloads.names())}")
    sizes = (*SIZES, HUGE) if arguments.write else arguments.nodes
    used = memory.measure()  # first, before anything else has grown the process
    console.print(report.memory_table(used))
    with console.status("measuring") as status:
        figures = measure(names, sizes, arguments.rounds, status.update)
    console.print(report.speed_table(figures))
    console.print(f"CPU time of one process, medians of {arguments.rounds} rounds. Machine: {machine()}")
    if arguments.write:
        report.write(DOCUMENT, report.section(figures, used, arguments.rounds, machine()))
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(growth.picture(figures), encoding="utf-8")
        console.print(f"written: {DOCUMENT}, {PICTURE}")


def measure(names: Sequence[str], sizes: Sequence[int], rounds: int, tell: Callable[[str], None]) -> list[Figure]:
    """Every workload at every size, so many times. ``tell`` hears what is going on."""
    figures = [Figure(workloads.load(name), nodes) for name in names for nodes in sorted(sizes)]
    for turn in range(rounds):
        for figure in figures:
            if turn and figure.nodes >= HUGE:
                continue
            tell(f"round {turn + 1} of {rounds}: {figure.workload.title}, {figure.nodes:,} nodes")
            found = CoreRunner(figure.workload).run(figure.workload.size(figure.nodes))
            figure.rates.append(found.per_second)
    return figures


def machine() -> str:
    """What the figures come from."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()},"
        f" Python {platform.python_version()}, numpy {np.__version__}"
    )


if __name__ == "__main__":
    main()
