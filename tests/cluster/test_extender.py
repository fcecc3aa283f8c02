"""The walking product by the other door: the real kube-scheduler, which asks our extender, names or whole nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import IMAGES
from tests.cluster.extender import ExtenderProcess
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.walking import ROOM, WalkingScenarios

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

QUICK_STOP = "listening: {drainSeconds: 0}"
NO_PREEMPTION = " preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling."


class ThroughTheExtender(WalkingScenarios):
    """Pods name nobody in particular. ``cache_capable``: names are sent, not whole nodes."""

    pods = 200
    scheduler = "default-scheduler"
    after_reasons = NO_PREEMPTION
    cache_capable = True

    @pytest.fixture
    async def stage(
        self, control_plane: ControlPlane, kwok: Kwok, publisher: Publisher, tmp_path: Path
    ) -> AsyncIterator[RealStage]:
        """The scenario's nodes and images, kube-scheduler and the extender at work."""
        assert kwok.alive
        async with real_stage(control_plane, publisher) as stage:
            await create(stage, map(stage.as_node, scenario_nodes(pods=ROOM)), "/api/v1/nodes")
            for image in IMAGES:
                stage.push(image)
            extender = ExtenderProcess(tmp_path, stage.kubeconfig, QUICK_STOP)
            entry = extender.configuration(nodeCacheCapable=self.cache_capable)
            try:
                with (
                    extender,
                    KubeScheduler(tmp_path, stage.kubeconfig, {"extenders": [entry], "percentageOfNodesToScore": 100}),
                ):
                    yield stage
            finally:
                await stage.clear()


class TestWithNames(ThroughTheExtender):
    pass


class TestWithWholeNodes(ThroughTheExtender):
    cache_capable = False
