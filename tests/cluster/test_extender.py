"""The walking product by the other door: the real kube-scheduler, which asks our extender in each of its modes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import IMAGES
from tests.cluster.extender import ExtenderProcess
from tests.cluster.installation import remove_deployments
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


@contextlib.asynccontextmanager
async def scenario_stage(control_plane: ControlPlane, publisher: Publisher) -> AsyncIterator[RealStage]:
    """The scenario's nodes and images, no scheduler yet, and no pods that other tests left to be scheduled."""
    remove_deployments(control_plane)
    async with real_stage(control_plane, publisher) as stage:
        try:
            await create(stage, map(stage.as_node, scenario_nodes(pods=ROOM)), "/api/v1/nodes")
            for image in IMAGES:
                stage.push(image)
            yield stage
        finally:
            await stage.clear()


class ThroughTheExtender(WalkingScenarios):
    """Pods name nobody in particular. ``wanted`` are options of ``multiarch-extender config``."""

    pods = 200
    scheduler = "default-scheduler"
    after_reasons = " preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling."
    wanted: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    async def stage(
        self, control_plane: ControlPlane, kwok: Kwok, publisher: Publisher, tmp_path: Path
    ) -> AsyncIterator[RealStage]:
        """The scenario's nodes and images, kube-scheduler and the extender at work."""
        assert kwok.alive
        async with scenario_stage(control_plane, publisher) as stage:
            extender = ExtenderProcess(tmp_path, stage.kubeconfig, **self.wanted)
            with extender, KubeScheduler(tmp_path, stage.kubeconfig, extender.configuration()):
                yield stage


class TestWithNames(ThroughTheExtender):
    pass


class TestWithWholeNodes(ThroughTheExtender):
    wanted: ClassVar = {"whole_nodes": True}


class TestNarrowed(ThroughTheExtender):
    wanted: ClassVar = {"mode": "narrow"}


class TestDelegated(ThroughTheExtender):
    """kube-scheduler's own plugins are off: it neither filters nor preempts."""

    after_reasons = ""
    wanted: ClassVar = {"mode": "delegated"}


class TestBindingItself(ThroughTheExtender):
    wanted: ClassVar = {"bind": True}
