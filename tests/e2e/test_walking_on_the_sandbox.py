"""The walking product on the embedded cluster: the unchanged scheduler, as a process, connected by a kubeconfig."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import IMAGES
from scheduler.sandbox.stage import SandboxStage, sandbox_stage
from tests.scenarios.walking import ROOM, WalkingScenarios


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    """The scenario's nodes and images, and a scheduler at work."""
    async with sandbox_stage(tmp_path) as stage:
        await create(stage, scenario_nodes(pods=ROOM), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
            yield stage


@pytest.mark.timeout(120)
class TestOnTheSandbox(WalkingScenarios):
    pods = 500
