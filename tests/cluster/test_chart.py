"""The chart on the real API server: installed, upgraded and removed by helm; programs run as they were installed."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cluster.at_work import all_of, each_does_its_work, the_scenario
from tests.cluster.binaries import binary
from tests.cluster.installation import NAME, know_prometheus, kubectl, no_rights
from tests.cluster.kube_client import ApiFailure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.cluster.at_work import Program
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.installed import Installed
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok
    from tests.cluster.stage import RealStage

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

CHART = Path(__file__).parents[2] / "manifests" / "chart"
SCHEDULER, EXTENDER, EXPANDER = ((f"multiarch-{each}", NAME) for each in ("scheduler", "extender", "expander"))
RELEASES: dict[str, tuple[list[str], list[Program]]] = {
    "as it is": ([], [SCHEDULER]),
    "with sharing": (["sharing.enabled=true"], [SCHEDULER]),
    "without secrets": (["pullSecrets.mode=none"], [SCHEDULER]),
    "with secrets of namespaces": (["pullSecrets.mode=namespaces", "pullSecrets.namespaces={default}"], [SCHEDULER]),
    "with gRPC": (["scheduler.grpc.enabled=true"], [SCHEDULER]),
    "with opt-in": (["optIn.enabled=true", "scheduler.networkPolicy=false"], [SCHEDULER]),
    "the extender": (["scheduler.enabled=false", "extender.enabled=true"], [EXTENDER]),
    "narrow": (["scheduler.enabled=false", "extender.enabled=true", "extender.mode=narrow"], [EXTENDER]),
    "delegated": (["scheduler.enabled=false", "extender.enabled=true", "extender.mode=delegated"], [EXTENDER]),
    "the expander": (["scheduler.enabled=false", "expander.enabled=true"], [EXPANDER]),
    "everything": (
        [
            *(f"{part}.enabled=true" for part in ("extender", "expander", "sharing", "optIn", "monitoring")),
            "monitoring.dashboard=true",
            "scheduler.grpc.enabled=true",
        ],
        [SCHEDULER, EXTENDER, EXPANDER],
    ),
}
"""What is set, and the programs that are installed by it."""


@pytest.fixture(scope="module")
def empty(control_plane: ControlPlane) -> ControlPlane:
    """Nothing of ours is there but custom resources, nor what other tests have applied; Prometheus's kinds are."""
    no_rights(control_plane)
    policies = "mutatingadmissionpolicies,mutatingadmissionpolicybindings"
    kubectl(control_plane, "delete", policies, "--selector=app.kubernetes.io/part-of=multiarch-scheduler")
    namespaces = (NAME, "multiarch-extender", "multiarch-expander")
    kubectl(control_plane, "delete", "namespace", *namespaces, "--ignore-not-found", "--timeout=60s")
    know_prometheus(control_plane)
    return control_plane


@pytest.fixture
async def stage(empty: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    assert kwok.alive
    async with the_scenario(empty, publisher) as stage:
        yield stage


def helm(control_plane: ControlPlane, *arguments: str) -> str:
    command = [str(binary("helm")), f"--kubeconfig={control_plane.kubeconfig}", f"--namespace={NAME}", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def release(empty: ControlPlane) -> Iterator[ControlPlane]:
    """Nothing is installed, and whatever a test installs is removed."""
    yield empty
    helm(empty, "uninstall", NAME, "--ignore-not-found", "--wait")


@pytest.mark.parametrize("wanted", RELEASES)
async def test_what_helm_installs_does_its_work(
    stage: RealStage, release: ControlPlane, kube: KubeClient, tmp_path: Path, wanted: str
) -> None:
    values, programs = RELEASES[wanted]
    notes = helm(release, "install", NAME, str(CHART), "--create-namespace", *settings(values))
    async with all_of(programs, release, kube, tmp_path) as running:
        await each_does_its_work(running, stage)
        tests = list(yaml.safe_load_all(helm(release, "get", "hooks", NAME)))
        assert {test["metadata"]["name"] for test in tests} == {f"{name}-test-ready" for name in running}
        for test in tests:
            await answers_as_helm_asks(test, running[test["metadata"]["name"].removesuffix("-test-ready")], kube)
    for name, words in (
        ("multiarch-scheduler", "kubectl imageplatform explain pod web"),
        ("multiarch-extender", "multiarch-extender config --mode"),
        ("multiarch-expander", "--grpc-expander-url=multiarch-expander.multiarch-scheduler.svc:10262"),
    ):
        assert (words in notes) is ((name, NAME) in programs)


async def answers_as_helm_asks(test: dict[str, Any], program: Installed, kube: KubeClient) -> None:
    """The test's command, run outside a pod: the name and port of the Service are the only things that differ."""
    (container,) = test["spec"]["containers"]
    python, option, script = container["command"]
    ((service, port),) = re.findall(rf"(http://{program.name}\.{NAME}:(\d+))", script)
    ports = (await kube.get("Service", program.name, NAME))["spec"]["ports"]
    assert int(port) in {each["port"] for each in ports}
    assert python == "python"
    command = [sys.executable, option, script.replace(service, program.health)]
    done = await asyncio.to_thread(partial(subprocess.run, command, check=True, capture_output=True, timeout=20))
    assert b"ok" in done.stdout


def settings(values: list[str]) -> list[str]:
    return [word for value in values for word in ("--set", value)]


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
