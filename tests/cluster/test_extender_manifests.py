"""What `manifests/extender` grants is what the extender needs: applied with kubectl, RBAC enforced, none to spare."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from extender.configuration import DEFAULT_MAX_NODES
from extender.settings import parse_extender_settings
from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, node
from scheduler.sandbox.scenario import AMD64, ARM64, ScenarioImage, Workload
from tests.cluster.extender import ExtenderProcess
from tests.cluster.images import Publisher
from tests.cluster.installation import kubectl, permissions, pull_secret, requests, used
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.registry import Registry
from tests.cluster.stage import RealStage, real_stage
from tests.kube.pki import Authority
from tests.scenarios.walking import PODS, all_bound, eventually, sized, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

MANIFESTS = Path(__file__).parents[2] / "manifests" / "extender"
NAME = "multiarch-extender"  # of the namespace, the ServiceAccount, the Deployment, the ConfigMap, the Service
ACCOUNT = f"system:serviceaccount:{NAME}:{NAME}"
RBAC = "rbac.authorization.k8s.io/v1"
ANYWHERE = ScenarioImage("private/app", "1", (AMD64, ARM64))
ON_ARM = ScenarioImage("private/arm", "1", (ARM64,))
NODE_COUNT = 300
"""kube-scheduler's sample is a third, so that most samples lack the one node of arm64."""


@pytest.fixture
def private_registry(servers_folder: Path) -> Iterator[Registry]:
    with Registry(servers_folder, name="extender-registry", private=True) as started:
        yield started


@pytest.fixture
async def stage(
    control_plane: ControlPlane, kwok: Kwok, private_registry: Registry, tmp_path: Path
) -> AsyncIterator[RealStage]:
    """Nodes of amd64, one of arm64; and a registry that asks for a password."""
    assert kwok.alive
    folder = tmp_path / "images"
    folder.mkdir()
    async with real_stage(control_plane, Publisher(private_registry, folder)) as stage:
        nodes = [node(f"amd64-{number:03d}", AMD64_LINUX) for number in range(NODE_COUNT)]
        try:
            await create(stage, [stage.as_node(each) for each in (*nodes, node("zz-arm64", ARM64_LINUX))], NODES)
            await create(stage, [pull_secret(stage.registry)], SECRETS)
            yield stage
        finally:
            await stage.clear()
            with contextlib.suppress(Exception):
                await stage.client.delete(f"{SECRETS}/pull")


NODES, SECRETS = "/api/v1/nodes", "/api/v1/namespaces/default/secrets"


@pytest.mark.parametrize(
    ("folder", "mode", "roles"),
    [
        ("base", "filter", (NAME, f"{NAME}-pull-secrets")),
        ("narrow", "narrow", (NAME, f"{NAME}-pull-secrets", f"{NAME}-narrow")),
        ("delegated", "delegated", (NAME, f"{NAME}-pull-secrets", f"{NAME}-delegated")),
    ],
)
async def test_the_extender_uses_every_permission_that_is_granted_and_needs_no_other(
    stage: RealStage,
    control_plane: ControlPlane,
    kube: KubeClient,
    tmp_path: Path,
    folder: str,
    mode: str,
    roles: tuple[str, ...],
) -> None:
    before = len(control_plane.audit_events())
    kubectl(control_plane, "apply", "--kustomize", str(MANIFESTS / folder))
    token = await kube.service_account_token(NAME, NAME)
    kubeconfig = control_plane.admin.as_user("extender", token).write_kubeconfig(tmp_path / "account.kubeconfig", NAME)
    text = (await kube.get("ConfigMap", NAME, NAME))["data"]["settings.yaml"]
    answering = parse_extender_settings(text, "settings").answering
    modes = {"narrow": answering.max_nodes == DEFAULT_MAX_NODES, "delegated": answering.delegated}
    assert [name for name, is_set in modes.items() if is_set] == [mode] * (mode != "filter")
    certificates = issued(tmp_path)
    extender = ExtenderProcess(tmp_path, kubeconfig, outside(text, tmp_path), mode=mode, **certificates)
    with extender, KubeScheduler(tmp_path, stage.kubeconfig, extender.configuration()):
        for image in (ANYWHERE, ON_ARM):
            stage.push(image)
        await create(stage, with_secret(Workload("app", (ANYWHERE.name,), 2, frozenset()), stage), PODS)
        late = ScenarioImage("private/late", uuid.uuid4().hex[:8], (AMD64,))
        await create(stage, with_secret(Workload("late", (late.name,), 1, frozenset()), stage), PODS)
        await told_why(stage, "late", "404")
        stage.push(late)
        for app, count in (("app", 2), ("late", 1)):
            await all_bound(stage, app, count)
        if mode == "filter":
            await one_on_arm(stage, 0)
        else:
            await one_is_nominated(stage, extender)

        async def woken() -> bool:
            return ("", "pods", "patch") in used(control_plane, before, ACCOUNT)

        await eventually("the pod whose image came late was woken", woken)

    refused = [event for event in requests(control_plane, ACCOUNT) if event["responseStatus"]["code"] == 403]
    assert not refused, refused[0]
    granted = {
        permission
        for name in roles
        for permission in permissions(await kube.get("ClusterRole", name, api_version=RBAC))
    }
    assert used(control_plane, before, ACCOUNT) == granted


async def one_on_arm(stage: RealStage, number: int) -> None:
    await create(stage, with_secret(Workload(f"arm{number}", (ON_ARM.name,), 1, frozenset()), stage), PODS)
    await all_bound(stage, f"arm{number}", 1)


async def one_is_nominated(stage: RealStage, extender: ExtenderProcess) -> None:
    """Pods one after the other, until kube-scheduler's sample lacks the one node for one of them."""
    for number in range(10):
        await one_on_arm(stage, number)
        if "extender_nominations_total 0.0" not in extender.metrics():
            return
    pytest.fail("every sample had the node of arm64")


async def test_what_is_applied_is_accepted_and_fits_together(control_plane: ControlPlane, kube: KubeClient) -> None:
    kubectl(control_plane, "apply", "--kustomize", str(MANIFESTS / "base"))
    deployment = (await kube.get("Deployment", NAME, NAME, "apps/v1"))["spec"]
    pod = deployment["template"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    (container,) = pod["containers"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert pod["serviceAccountName"] == NAME
    assert {volume["name"]: volume.get("secret", volume.get("configMap")) for volume in pod["volumes"]} == {
        "settings": {"name": NAME, "defaultMode": 0o644},
        "tls": {"secretName": f"{NAME}-tls", "defaultMode": 0o440},
    }
    service = (await kube.get("Service", NAME, NAME))["spec"]
    assert service["clusterIP"] == "10.96.0.71"
    assert service["selector"].items() <= labels.items()
    assert service["ports"][0]["targetPort"] in {port["name"] for port in container["ports"]}
    budget = (await kube.get("PodDisruptionBudget", NAME, NAME, "policy/v1"))["spec"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def issued(folder: Path) -> dict[str, str]:
    """Certificates in files, and the options of ``multiarch-extender config`` that name kube-scheduler's."""
    authority = Authority("extender")
    for name, (certificate, key) in {
        "tls": authority.issue("multiarch-extender"),
        "caller": authority.issue("kube-scheduler"),
    }.items():
        (folder / f"{name}.crt").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(key)
    (folder / "ca.crt").write_bytes(authority.pem)
    return {
        "ca_file": str(folder / "ca.crt"),
        "cert_file": str(folder / "caller.crt"),
        "key_file": str(folder / "caller.key"),
    }


def outside(settings: str, certificates: Path) -> str:
    """The settings, fit for an extender that is no pod: it may ask registries on the loopback."""
    assert settings.count("allowLoopback: false") == 1
    assert settings.count("/etc/multiarch-extender/tls/") == 3
    settings = settings.replace("/etc/multiarch-extender/tls", str(certificates))
    settings = settings.replace("listening:\n", "listening:\n  drainSeconds: 0\n")
    return settings.replace("allowLoopback: false", "allowLoopback: true")


def with_secret(workload: Workload, stage: RealStage) -> list[dict[str, Any]]:
    return [
        {**pod, "spec": {**pod["spec"], "imagePullSecrets": [{"name": "pull"}]}}
        for pod in sized(workload.pods(stage.registry, "default-scheduler"), cpu="10m")
    ]
