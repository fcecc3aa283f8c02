"""The walking product on the embedded cluster: the unchanged scheduler, as a process, connected by a kubeconfig."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import WalkingScenarios


@pytest.fixture
async def stage(empty_stage: SandboxStage, tmp_path: Path) -> AsyncIterator[SandboxStage]:
    """The scenario's nodes and images, and a scheduler at work."""
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log"):
        yield empty_stage


@pytest.mark.timeout(120)
class TestOnTheSandbox(WalkingScenarios):
    pods = 500
