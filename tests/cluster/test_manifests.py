"""What `manifests/base` grants is what the scheduler needs: applied with kubectl, RBAC enforced, nothing to spare."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.api.storage import SELECTED_NODE, PersistentVolumeClaim
from scheduler.kube.errors import NotFound
from scheduler.kube.requests import MERGE_PATCH
from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.nodes import AMD64_LINUX, node
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import AMD64, MAINFRAME, ScenarioImage, Workload
from tests.cluster.images import Publisher
from tests.cluster.installation import (
    BASE,
    NAME,
    Permission,
    kubectl,
    outside,
    permissions,
    pull_secret,
    requests,
    used,
)
from tests.cluster.registry import Registry
from tests.cluster.stage import RealStage, real_stage
from tests.cluster.test_volumes import CLAIMS, CLASSES, LOCAL, MADE, VOLUMES, a_claim, a_class, a_volume
from tests.scenarios.election import says
from tests.scenarios.walking import PODS, all_bound, event_of, eventually, pods_of, sized, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

SECRETS = "/api/v1/namespaces/default/secrets"
NOT_EVERY_TIME: dict[Permission, str] = {
    ("", "pods", "get"): "a pod whose binding is in doubt is read again",
}
PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"


@pytest.fixture
def private_registry(servers_folder: Path) -> Iterator[Registry]:
    with Registry(servers_folder, name="private-registry", private=True) as started:
        yield started


@pytest.fixture
async def stage(
    control_plane: ControlPlane, kwok: Kwok, private_registry: Registry, tmp_path: Path
) -> AsyncIterator[RealStage]:
    """One node, two priorities, and a registry that asks for a password."""
    assert kwok.alive
    folder = tmp_path / "images"
    folder.mkdir()
    async with real_stage(control_plane, Publisher(private_registry, folder)) as stage:
        await create(stage, [stage.as_node(node("amd64-0", AMD64_LINUX))], "/api/v1/nodes")
        classes = [
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": value,
            }
            for name, value in (("patient", -1), ("pressing", 10))
        ]
        await create(stage, classes, PRIORITIES)
        try:
            yield stage
        finally:
            await stage.clear()
            for path in (CLAIMS, VOLUMES, CLASSES, f"{PRIORITIES}/patient", f"{PRIORITIES}/pressing"):
                await stage.client.delete(path)
            with contextlib.suppress(NotFound):
                await stage.client.delete(f"{SECRETS}/pull")


async def test_the_pull_secrets_of_a_service_account_serve_its_pods(
    stage: RealStage, kube: KubeClient, tmp_path: Path
) -> None:
    """Admission copies them into pods that name none of their own, so the scheduler has nothing more to read."""
    image = ScenarioImage("private/accounted", "1", (AMD64,))
    stage.push(image)
    await create(stage, [pull_secret(stage.registry)], SECRETS)
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "puller", "namespace": "default"},
        "imagePullSecrets": [{"name": "pull"}],
    }
    await create(stage, [account], "/api/v1/namespaces/default/serviceaccounts")
    (pod,) = Workload("accounted", (image.name,), 1, frozenset()).pods(stage.registry, SCHEDULER_NAME)
    pod["spec"]["serviceAccountName"] = "puller"
    try:
        async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
            await create(stage, [pod], PODS)
            await all_bound(stage, "accounted", 1)
    finally:
        await kube.delete("ServiceAccount", "puller", "default")
        await kube.delete("Secret", "pull", "default")


async def test_the_scheduler_uses_every_permission_that_the_base_grants_and_needs_no_other(
    stage: RealStage, control_plane: ControlPlane, kube: KubeClient, tmp_path: Path
) -> None:
    before = len(control_plane.audit_events())
    kubectl(control_plane, "apply", "--kustomize", str(BASE))
    # Nobody is there yet: another test's lease would spare the first one to create it.
    kubectl(control_plane, "delete", "lease", NAME, f"--namespace={NAME}", "--ignore-not-found")
    settings = tmp_path / "settings.yaml"
    settings.write_text(outside((await kube.get("ConfigMap", NAME, NAME))["data"]["settings.yaml"]))
    token = await kube.service_account_token(NAME, NAME)
    kubeconfig = control_plane.admin.as_user("scheduler", token).write_kubeconfig(tmp_path / "account.kubeconfig", NAME)

    runnable, impossible = (
        ScenarioImage("private/app", "1", (AMD64,)),
        ScenarioImage("private/ledger", "1", (MAINFRAME,)),
    )
    stage.push(runnable)
    stage.push(impossible)
    await create(stage, [pull_secret(stage.registry)], SECRETS)
    async with two_schedulers(kubeconfig, tmp_path, settings):
        await create(stage, with_secret(Workload("app", (runnable.name,), 3, frozenset()), stage), PODS)
        await create(stage, with_secret(Workload("ledger", (impossible.name,), 1, frozenset()), stage), PODS)
        await all_bound(stage, "app", 3)
        await told_why(stage, "ledger", "can't run image")
        await event_of(stage, "ledger-0", "FailedScheduling")
        await volumes_are_bound(stage, runnable.name)
        await room_is_made(stage, runnable.name)
        # Attempts that end in the words that the condition has already are counted in one event, by a PATCH.
        # A cordoned node that becomes able to run the image makes the scheduler try, and fail as before.
        mainframe = stage.as_node(node("s390x-0", dataclasses.replace(AMD64_LINUX, architecture="s390x")))
        await create(stage, [{**mainframe, "spec": {"unschedulable": True}}], "/api/v1/nodes")

        async def event_counted_on() -> bool:
            for architecture in (b"riscv64", b"s390x"):
                relabel = b'{"metadata": {"labels": {"kubernetes.io/arch": "%s"}}}' % architecture
                await stage.client.patch("/api/v1/nodes/s390x-0", relabel, MERGE_PATCH)
            return ("events.k8s.io", "events", "patch") in used(control_plane, before)

        await eventually("the event's series is written", event_counted_on)

    refused = [event for event in requests(control_plane, before=before) if event["responseStatus"]["code"] == 403]
    assert not refused, refused[0]
    granted = {permission for role in await roles(kube) for permission in permissions(role)}
    assert used(control_plane, before) | NOT_EVERY_TIME.keys() == granted


async def test_the_deployment_is_accepted_and_names_what_is_there(
    control_plane: ControlPlane, kube: KubeClient
) -> None:
    """The API server validates it; and it is not placed by the scheduler that it runs."""
    kubectl(control_plane, "apply", "--kustomize", str(BASE))
    deployment = (await kube.get("Deployment", NAME, NAME, "apps/v1"))["spec"]
    assert deployment["replicas"] == 2
    pod = deployment["template"]["spec"]
    assert pod["serviceAccountName"] == NAME
    assert pod["schedulerName"] == "default-scheduler"
    assert pod["volumes"][0]["configMap"]["name"] == NAME
    (container,) = pod["containers"]
    assert container["args"] == ["run", "--config=/etc/multiarch-scheduler/settings.yaml"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


@contextlib.asynccontextmanager
async def two_schedulers(kubeconfig: Path, folder: Path, settings: Path) -> AsyncIterator[None]:
    """As many as the Deployment has: one works, the other stands by."""
    config = f"--config={settings}"
    async with scheduler_process(kubeconfig, folder / "first.log", config, leader_elect=True) as first:
        await says(first, "leading")
        async with scheduler_process(kubeconfig, folder / "second.log", config, leader_elect=True) as second:
            await says(second, "standing by")
            yield


async def roles(kube: KubeClient) -> list[dict[str, Any]]:
    rbac = "rbac.authorization.k8s.io/v1"
    everywhere = [await kube.get("ClusterRole", name, api_version=rbac) for name in (NAME, f"{NAME}-pull-secrets")]
    return [*everywhere, await kube.get("Role", f"{NAME}-leader-election", NAME, rbac)]


async def volumes_are_bound(stage: RealStage, image: str) -> None:
    """One that is there, and one that would be made."""
    await create(stage, [a_class("local", LOCAL), a_class("made", MADE)], CLASSES)
    await create(stage, [a_volume("disk", "local", "amd64-0")], VOLUMES)
    await create(stage, [a_claim("data-0", "local"), a_claim("data-1", "made")], CLAIMS)
    pods = with_secret(Workload("db", (image,), 2, frozenset()), stage)
    for number, pod in enumerate(pods):
        pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": f"data-{number}"}}]
    await create(stage, pods, PODS)

    async def written() -> bool:
        bound = [pod for pod in await pods_of(stage, "db") if pod.spec.node_name]
        claim = await stage.client.get(f"{CLAIMS}/data-1", PersistentVolumeClaim)
        return bool(bound) and SELECTED_NODE in claim.metadata.annotations

    await eventually("a volume is bound, and one is asked for", written)


async def room_is_made(stage: RealStage, image: str) -> None:
    """The node has 4 CPUs: of two pods that want 2 besides the others, the second evicts the first."""
    for name in ("patient", "pressing"):
        (pod,) = sized(with_secret(Workload(name, (image,), 1, frozenset()), stage), cpu="2")
        pod["spec"]["priorityClassName"] = name
        await create(stage, [pod], PODS)
        await all_bound(stage, name, 1)
    assert not await pods_of(stage, "patient")


def with_secret(workload: Workload, stage: RealStage) -> list[dict[str, Any]]:
    return [
        {**pod, "spec": {**pod["spec"], "imagePullSecrets": [{"name": "pull"}]}}
        for pod in workload.pods(stage.registry, SCHEDULER_NAME)
    ]
