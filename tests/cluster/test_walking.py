"""The walking product on the real control plane: kube-apiserver, etcd, kwok, and a registry that regctl pushes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import IMAGES
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.walking import ROOM, WalkingScenarios

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture
async def stage(
    control_plane: ControlPlane, kwok: Kwok, publisher: Publisher, tmp_path: Path
) -> AsyncIterator[RealStage]:
    """The scenario's nodes and images, and a scheduler at work; nodes and pods are gone afterwards."""
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        await create(stage, map(stage.as_node, scenario_nodes(pods=ROOM)), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        try:
            async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
                yield stage
        finally:
            await stage.clear()


class TestOnTheRealControlPlane(WalkingScenarios):
    pods = 500
