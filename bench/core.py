"""The decision core alone: decisions per second against cluster size, and memory. Run ``python -m bench.core``.

Owns what is measured, in which order, and on what machine. The workloads are data (``bench.workloads``), one run of one
is in ``bench.runner``; memory and preemption have modules of their own, and what is made of it all is in
``bench.report`` and ``bench.growth``. A round goes through all workloads before the next begins, so that a slow moment
of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from bench import growth, memory, preemption, report, workloads
from bench.report import PROMISED_AT, Figure
from bench.runner import CoreRunner

SIZES = (100, 1_000, 5_000, 15_000)
HUGE = 100_000
"""Measured only where asked for: making that many nodes takes longer than deciding."""
PREEMPTIONS, WANTED_PREEMPTIONS = 300, 300
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
        single = [] if arguments.workloads else measure_preemption(arguments.rounds, status.update)
    console.print(report.speed_table([*figures, *single]))
    console.print(f"CPU time of one process, medians of {arguments.rounds} rounds. Machine: {machine()}")
    if arguments.write:
        report.write(DOCUMENT, report.section(figures, single, used, arguments.rounds, machine()))
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(growth.picture(figures), encoding="utf-8")
        console.print(f"written: {DOCUMENT}, {PICTURE}")


def measure(names: Sequence[str], sizes: Sequence[int], rounds: int, tell: Callable[[str], None]) -> list[Figure]:
    """Every workload at every size, so many times; once above PROMISED_AT. ``tell`` hears what is going on."""
    loaded = [workloads.load(name) for name in names]
    planned = [
        (workload, Figure(workload.title, workload.wanted, nodes)) for workload in loaded for nodes in sorted(sizes)
    ]
    for turn in range(rounds):
        for workload, figure in planned:
            if turn and figure.nodes > PROMISED_AT:
                continue
            tell(f"round {turn + 1} of {rounds}: {figure.title}, {figure.nodes:,} nodes")
            figure.rates.append(CoreRunner(workload).run(workload.size(figure.nodes)).per_second)
    return [figure for _, figure in planned]


def measure_preemption(rounds: int, tell: Callable[[str], None]) -> list[Figure]:
    """``bench.preemption`` at one size, as its first kind of cluster."""
    shape = preemption.SHAPES[0]
    figure = Figure(f"preemption, {shape.workload}", WANTED_PREEMPTIONS, PROMISED_AT)
    for turn in range(rounds):
        tell(f"round {turn + 1} of {rounds}: {figure.title}")
        figure.rates.append(preemption.measure(shape, PROMISED_AT, PREEMPTIONS).per_second)
    return [figure]


def machine() -> str:
    """What the figures come from."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()},"
        f" Python {platform.python_version()}, numpy {np.__version__}"
    )


if __name__ == "__main__":
    main()
