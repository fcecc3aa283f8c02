"""The walking product on the real control plane: kube-apiserver, etcd, kwok, and a registry that regctl pushes to.

The scheduler is the one of `manifests/base`: its settings, its account, and no more rights than are applied with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import IMAGES
from tests.cluster.at_work import all_of
from tests.cluster.installation import BASE, NAME, kubectl, no_rights
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.walking import ROOM, WalkingScenarios

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def base(control_plane: ControlPlane) -> ControlPlane:
    """It is applied, and nothing that tests before this one applied gives it other rights."""
    no_rights(control_plane)
    kubectl(control_plane, "apply", "--kustomize", str(BASE))
    return control_plane


@pytest.fixture
async def stage(
    base: ControlPlane, kube: KubeClient, kwok: Kwok, publisher: Publisher, tmp_path: Path
) -> AsyncIterator[RealStage]:
    """The scenario's nodes and images, and a scheduler at work; nodes and pods are gone afterwards."""
    assert kwok.alive
    async with real_stage(base, publisher) as stage:
        await create(stage, map(stage.as_node, scenario_nodes(pods=ROOM)), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        try:
            async with all_of([(NAME, NAME)], base, kube, tmp_path):
                yield stage
        finally:
            await stage.clear()


class TestOnTheRealControlPlane(WalkingScenarios):
    pods = 500
