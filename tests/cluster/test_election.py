"""High availability on the real control plane: kube-apiserver keeps the lease, and enforces its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import IMAGES
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.election import ElectionScenarios, no_lease
from tests.scenarios.walking import ROOM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    """The scenario's nodes and images, and no scheduler."""
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        await no_lease(stage)
        await create(stage, map(stage.as_node, scenario_nodes(pods=ROOM)), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        try:
            yield stage
        finally:
            await stage.clear()


class TestOnTheRealControlPlane(ElectionScenarios):
    pass
