"""How long a pod waits that is created in the moment in which the leader goes: the figures of docs/operations.md.

``python -m tests.docs.failover`` measures with the default settings on the embedded cluster, where nothing but the
schedulers takes time. With nobody else at work, a stop is over when the standby sees the lease given up; after a kill
it has to wait for the lease to end.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.core import machine
from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.process import SchedulerProcess
from scheduler.sandbox.scenario import IMAGES
from scheduler.sandbox.stage import sandbox_stage
from tests.scenarios.election import DEFAULT_TIMING, a_pod, bound_pods, two_schedulers
from tests.scenarios.walking import PODS

ROUNDS = 5
LONGEST = 60.0


async def waited(end: Callable[[SchedulerProcess], Awaitable[None]]) -> float:
    """Seconds from the leader's end to the binding of a pod that was created right then."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with sandbox_stage(folder) as stage:
            await create(stage, scenario_nodes(), "/api/v1/nodes")
            for image in IMAGES:
                stage.push(image)
            async with two_schedulers(stage, folder, DEFAULT_TIMING) as (leader, _):
                began = time.monotonic()
                ending = asyncio.create_task(end(leader))
                await create(stage, [a_pod(stage, "after")], PODS)
                while "after" not in await bound_pods(stage):
                    if time.monotonic() - began > LONGEST:
                        raise TimeoutError("nobody has taken over")
                    await asyncio.sleep(0.01)
                seconds = time.monotonic() - began
                await ending
                return seconds


async def main() -> None:
    for what, end in (("stopped", SchedulerProcess.stop), ("killed", SchedulerProcess.kill)):
        seconds = [await waited(end) for _ in range(ROUNDS)]
        least, median, most = min(seconds), statistics.median(seconds), max(seconds)
        sys.stdout.write(f"leader {what}: {median:.2f} s in the median, {least:.2f} to {most:.2f} in {ROUNDS} rounds\n")
    sys.stdout.write(f"Machine: {machine()}\n")


if __name__ == "__main__":
    asyncio.run(main())
