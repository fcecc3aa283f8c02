"""The chart on the real API server: installed, upgraded and removed by helm; the scheduler runs as it was installed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import ARM_NODES, IMAGES, Workload
from tests.cluster.binaries import binary
from tests.cluster.installation import NAME, kubectl, outside, requests
from tests.cluster.kube_client import ApiFailure
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.walking import PODS, all_bound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

CHART = Path(__file__).parents[2] / "manifests" / "chart"
SHARING = CHART.with_name("sharing")
"""Holds all that other tests may have applied."""
INFERENCE = Workload("inference", ("shop/inference:0.9",), 1, frozenset(ARM_NODES))


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    """The scenario's nodes and images, and no scheduler."""
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        await create(stage, map(stage.as_node, scenario_nodes()), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        try:
            yield stage
        finally:
            await stage.clear()


def helm(control_plane: ControlPlane, *arguments: str) -> str:
    command = [str(binary("helm")), f"--kubeconfig={control_plane.kubeconfig}", f"--namespace={NAME}", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def release(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """Nothing is installed, and whatever a test installs is removed."""
    kubectl(control_plane, "delete", "--kustomize", str(SHARING), "--ignore-not-found")
    yield control_plane
    helm(control_plane, "uninstall", NAME, "--ignore-not-found", "--wait")


@pytest.mark.parametrize(
    "values",
    [[], ["sharing.enabled=true"], ["pullSecrets.mode=none"], ["optIn.enabled=true", "scheduler.networkPolicy=false"]],
    ids=["as it is", "with sharing", "without secrets", "with opt-in"],
)
async def test_the_scheduler_runs_as_helm_installs_it(
    stage: RealStage, release: ControlPlane, kube: KubeClient, tmp_path: Path, values: list[str]
) -> None:
    settings = [word for value in values for word in ("--set", value)]
    notes = helm(release, "install", NAME, str(CHART), "--create-namespace", *settings)
    assert "kubectl imageplatform explain pod web" in notes
    before = len(requests(release))
    (tmp_path / "settings.yaml").write_text(outside((await kube.get("ConfigMap", NAME, NAME))["data"]["settings.yaml"]))
    token = await kube.service_account_token(NAME, NAME)
    kubeconfig = release.admin.as_user("scheduler", token).write_kubeconfig(tmp_path / "account.kubeconfig", NAME)
    option = f"--config={tmp_path / 'settings.yaml'}"
    async with scheduler_process(kubeconfig, tmp_path / "scheduler.log", option, leader_elect=True):
        await create(stage, INFERENCE.pods(stage.registry, NAME), PODS)
        (pod,) = await all_bound(stage, "inference", 1)
        assert pod.spec.node_name in ARM_NODES
    refused = [event for event in requests(release)[before:] if event["responseStatus"]["code"] == 403]
    assert not refused, refused[0]


async def test_an_upgrade_changes_what_was_asked_for_and_an_end_leaves_nothing_but_what_was_learnt(
    release: ControlPlane, kube: KubeClient
) -> None:
    helm(release, "install", NAME, str(CHART), "--create-namespace")
    before = (await kube.get("Deployment", NAME, NAME, "apps/v1"))["spec"]
    helm(release, "upgrade", NAME, str(CHART), "--set", "scheduler.replicas=3,scheduler.settings.logging.format=json")
    after = (await kube.get("Deployment", NAME, NAME, "apps/v1"))["spec"]
    assert (before["replicas"], after["replicas"]) == (2, 3)
    assert before["template"]["metadata"]["annotations"] != after["template"]["metadata"]["annotations"]
    assert "format: json" in (await kube.get("ConfigMap", NAME, NAME))["data"]["settings.yaml"]

    helm(release, "uninstall", NAME, "--wait")
    with pytest.raises(ApiFailure, match="not found"):
        await kube.get("ClusterRole", NAME, api_version="rbac.authorization.k8s.io/v1")
    crd = "imageplatforms.multiarch-scheduler.io"
    assert await kube.get("CustomResourceDefinition", crd, api_version="apiextensions.k8s.io/v1")
