"""Pages whose commands are run on the demo's cluster, with the scheduler at work: each prints what the page shows."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.sandbox.demo import create, settled
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import IMAGES, WORKLOADS
from scheduler.sandbox.stage import sandbox_stage
from tests.cluster.binaries import binary
from tests.docs.console import DOCS, Session, agrees, steps

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

REGISTRY = "hub.example:443"
PAGES = ("troubleshooting.md", "image-platforms.md")


@contextlib.asynccontextmanager
async def demo_with_a_scheduler(folder: Path) -> AsyncIterator[tuple[Session, str]]:
    """One pod of each workload, all of them placed or told why not; and the address of the registry."""
    async with sandbox_stage(folder) as stage:
        await create(stage, scenario_nodes(), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        async with scheduler_process(stage.kubeconfig, folder / "scheduler.log") as scheduler:
            for workload in WORKLOADS:
                pods = workload.pods(stage.registry, "multiarch-scheduler")[:1]
                await create(stage, pods, "/api/v1/namespaces/default/pods")
            await settled(stage, scheduler)
            (folder / "programs").mkdir()
            (folder / "programs" / "kubectl").symlink_to(binary("kubectl"))
            path = f"{folder / 'programs'}:{Path(sys.executable).parent}:/usr/bin:/bin"
            environment = {"PATH": path, "KUBECONFIG": str(stage.kubeconfig), "HOME": str(folder), "COLUMNS": "110"}
            yield Session(folder, environment, {stage.registry: REGISTRY}), stage.registry


@pytest.mark.parametrize("page", PAGES)
async def test_the_commands_of_a_page_print_what_it_shows(page: str, tmp_path: Path) -> None:
    async with demo_with_a_scheduler(tmp_path) as (session, registry):
        for step in steps((DOCS / page).read_text(encoding="utf-8")):
            code, printed = await asyncio.to_thread(session.tried, step.command.replace(REGISTRY, registry))
            assert agrees(step.shown, printed), f"$ {step.command}\n{printed}"
            assert code == 0, step.command
