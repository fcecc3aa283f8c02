"""Half an hour of a cluster's life under faults: ``make soak``, or ``python -m tests.faults.soak --minutes 5``.

The scheduler is the unchanged command, the cluster the embedded one with ``churn``. Twice a minute the faults end and
all of ``aftermath`` must hold; a line then tells how much was done and what the scheduler's process takes. Ends with 1
when something does not hold, or when its memory grows with each rollout.

What is remembered of images has a small bound here, so that it is full as soon as the rest: from then on memory has to
stay as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
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
SETTINGS = "images: {cacheMegabytes: 2}\n"
WARM = 2_500
"""Rollouts after which all that is remembered of them is full: 1,000 classes and images, 2,000 specs, 2,048 names."""
LEAST = 15
"""Rounds after that, to judge by."""
BYTES_A_ROLLOUT = 500
"""Of growth, once warm. What is kept of a rollout takes more than that: a name in two places does, or a short text."""
LINE = "{:>7} {:>8} {:>7} {:>9} {:>8} {:>8} {:>9}"


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
    if len(warm) < LEAST:
        say(f"all held; too little was done to judge by whether memory grows: {WARM} rollouts, then {LEAST} rounds")
        return 0
    growth = grown_by(warm)
    say(f"all held; from {WARM} rollouts on resident memory grew by {growth:.0f} bytes a rollout")
    if growth > BYTES_A_ROLLOUT:
        say(f"that is more than {BYTES_A_ROLLOUT}: something is never forgotten")
        return 1
    return 0


def grown_by(rounds: list[tuple[int, float]]) -> float:
    """Bytes of resident memory a rollout, by the line that lies best. ``rounds``: rollouts so far, megabytes."""
    rollouts, megabytes = zip(*rounds, strict=True)
    return statistics.linear_regression(rollouts, megabytes).slope * 1e6


async def soak(folder: Path, seconds: float, seed: int) -> list[tuple[int, float]]:
    """Rollouts and megabytes of resident memory after each round, once warm. Raises AssertionError, SchedulerFailed."""
    warm: list[tuple[int, float]] = []
    settings = folder / "settings.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")
    started = time.monotonic()
    async with sandbox_fault_stage(folder, NODES) as stage:
        nodes = [f"{'arm64' if number % 2 else 'amd64'}-{number}" for number in range(NODES)]
        churn = Churn(stage, nodes, POPULATION, seed)
        async with scheduler_process(stage.kubeconfig, folder / "scheduler.log", f"--config={settings}") as scheduler:
            say(LINE.format("seconds", "rollouts", "created", "bindings", "pending", "CPU s", "resident"))
            while time.monotonic() < started + seconds:
                await churn.live(ROUND_SECONDS)
                pods = await churn.check(scheduler)
                memory = resident(scheduler.pid).now
                if churn.rollouts >= WARM:
                    warm.append((churn.rollouts, memory))
                created = len(churn.alive) + len(churn.deleted)
                pending = sum(not pod.spec.node_name for pod in pods)
                past = f"{time.monotonic() - started:.0f}"
                used = f"{cpu_seconds(scheduler.pid):.0f}"
                say(LINE.format(past, churn.rollouts, created, len(stage.bound()), pending, used, f"{memory:.1f} MB"))
    return warm


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
