"""The stage of the end-to-end tests: an embedded cluster with the scenario's nodes and images, and no pods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import IMAGES
from scheduler.sandbox.stage import SandboxStage, sandbox_stage
from tests.scenarios.walking import ROOM


@pytest.fixture
async def empty_stage(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    """Without a scheduler."""
    async with sandbox_stage(tmp_path) as stage:
        await create(stage, scenario_nodes(pods=ROOM), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        yield stage
