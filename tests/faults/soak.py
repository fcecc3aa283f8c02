"""Half an hour of a cluster's life under faults: ``make soak``, or ``python -m tests.faults.soak --minutes 5``.

The scheduler is the unchanged command, the cluster the embedded one with ``churn``. Twice a minute the faults end and
all of ``aftermath`` must hold; a line then tells how much was done and what the scheduler's process takes. Ends with 1
when something does not hold, or when its memory has grown.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from bench.e2e.usage import cpu_seconds, resident
from scheduler.sandbox.process import SchedulerFailed, scheduler_process
from tests.faults.churn import Churn
from tests.faults.stage import sandbox_fault_stage

NODES = 30
POPULATION = 1200
ROUND_SECONDS = 30.0
WARM = 1_500
"""Rollouts after which memory has to stay as it is: until then, what is remembered of classes and events fills up."""
GROWTH = 1.1
LINE = "{:>7} {:>7} {:>9} {:>8} {:>8} {:>9}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__.partition(":")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the scheduler's log; default: a new one, which is kept")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="multiarch-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    say(f"seed {arguments.seed}, {arguments.minutes:g} minutes; the scheduler's log is {folder / 'scheduler.log'}")
    try:
        warm = asyncio.run(soak(folder, arguments.minutes * 60, arguments.seed))
    except (AssertionError, SchedulerFailed) as failure:
        say(f"it does not hold: {failure}")
        return 1
    if not warm:
        say(f"all held; there were fewer than {WARM} rollouts, too few to judge by whether memory stays as it is")
        return 0
    say(f"all held; resident memory went from {warm[0]:.0f} MB, after {WARM} rollouts, to {warm[-1]:.0f} MB")
    if warm[-1] > warm[0] * GROWTH:
        say(f"that is more than {GROWTH:g} times as much: something is never forgotten")
        return 1
    return 0


async def soak(folder: Path, seconds: float, seed: int) -> list[float]:
    """Megabytes of resident memory after each round, once it is warm. Raises AssertionError, SchedulerFailed."""
    warm: list[float] = []
    started = time.monotonic()
    async with sandbox_fault_stage(folder, NODES) as stage:
        nodes = [f"{'arm64' if number % 2 else 'amd64'}-{number}" for number in range(NODES)]
        churn = Churn(stage, nodes, POPULATION, seed)
        async with scheduler_process(stage.kubeconfig, folder / "scheduler.log") as scheduler:
            say(LINE.format("seconds", "created", "bindings", "pending", "CPU s", "resident"))
            while time.monotonic() < started + seconds:
                await churn.live(ROUND_SECONDS)
                pods = await churn.check(scheduler)
                memory = resident(scheduler.pid).now
                if churn.rollouts >= WARM:
                    warm.append(memory)
                created = len(churn.alive) + len(churn.deleted)
                pending = sum(not pod.spec.node_name for pod in pods)
                past = f"{time.monotonic() - started:.0f}"
                used = f"{cpu_seconds(scheduler.pid):.0f}"
                say(LINE.format(past, created, len(stage.bound()), pending, used, f"{memory:.1f} MB"))
    return warm


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
