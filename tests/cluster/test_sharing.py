"""What is known of images, kept in the real API server: restarts and replicas start with it, administrators declare."""

from __future__ import annotations

import contextlib
import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.kube.image_platforms import API_VERSION, object_name
from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, node
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import AMD64, ARM64, ScenarioImage, Workload
from tests.cluster.images import Publisher
from tests.cluster.installation import ACCOUNT, BASE, NAME, kubectl, outside, permissions, pull_secret, used
from tests.cluster.kube_client import ApiFailure
from tests.cluster.registry import Registry
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.walking import PODS, all_bound, eventually, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

OVERLAY = BASE.parent / "sharing"
SECRETS = "/api/v1/namespaces/default/secrets"
ROLE = f"{NAME}-image-platforms"
SETTINGS = "sharing: {enabled: true}\nschedulerName: %s\nimages: {tagLifetimeSeconds: 1}\n"
IMAGE = ScenarioImage("shared/app", "1", (ARM64,))
_numbers = itertools.count()
APP = Workload("app", (IMAGE.name,), 1, frozenset({"arm64-0"}))


@pytest.fixture
def own_registry(servers_folder: Path) -> Iterator[Registry]:
    """One that a test may stop."""
    with Registry(servers_folder, name="own-registry") as started:
        yield started


@pytest.fixture
async def stage(
    control_plane: ControlPlane, kwok: Kwok, own_registry: Registry, kube: KubeClient, tmp_path: Path
) -> AsyncIterator[RealStage]:
    """An ARM and an x86 node, the custom resource, and no object of it."""
    assert kwok.alive
    kubectl(control_plane, "apply", "--kustomize", str(OVERLAY))
    kubectl(control_plane, "wait", "--for=condition=Established", "crd/imageplatforms.multiarch-scheduler.io")
    folder = tmp_path / "images"
    folder.mkdir()
    async with real_stage(control_plane, Publisher(own_registry, folder)) as stage:
        nodes = [node("arm64-0", ARM64_LINUX), node("amd64-0", AMD64_LINUX)]
        await create(stage, map(stage.as_node, nodes), "/api/v1/nodes")
        try:
            yield stage
        finally:
            await stage.clear()
            for each in await objects(kube):
                await kube.delete("ImagePlatforms", each["metadata"]["name"], api_version=API_VERSION)


@contextlib.asynccontextmanager
async def scheduler(stage: RealStage, folder: Path, name: str = SCHEDULER_NAME) -> AsyncIterator[Path]:
    """A scheduler that shares, under a name of its own; its log."""
    settings, log = folder / f"{name}.yaml", folder / f"{name}.log"
    settings.write_text(SETTINGS % name)
    async with scheduler_process(stage.kubeconfig, log, f"--config={settings}"):
        yield log


async def objects(kube: KubeClient) -> list[dict[str, Any]]:
    return await kube.list("ImagePlatforms", api_version=API_VERSION)


async def written(kube: KubeClient, image: str) -> dict[str, Any]:
    """The object that lists the image, once there is one."""

    async def found() -> dict[str, Any] | None:
        listing = (each for each in await objects(kube) if any(i["name"] == image for i in each["spec"]["images"]))
        return next(listing, None)

    return await eventually(f"an object for {image}", found)


async def placed_anew(stage: RealStage) -> str:
    """The node that one more pod of IMAGE is placed on."""
    name = f"probe-{next(_numbers)}"
    await create(stage, Workload(name, (IMAGE.name,), 1, frozenset()).pods(stage.registry, SCHEDULER_NAME), PODS)
    (pod,) = await all_bound(stage, name, 1)
    return pod.spec.node_name


def declaration(name: str, image: str, *platforms: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "ImagePlatforms",
        "metadata": {"name": name},
        "spec": {"images": [{"name": image}], "platforms": list(platforms)},
    }


async def test_a_restarted_scheduler_starts_warm_while_the_registry_is_away(
    stage: RealStage, kube: KubeClient, own_registry: Registry, tmp_path: Path
) -> None:
    stage.push(IMAGE)
    async with scheduler(stage, tmp_path):
        await create(stage, APP.pods(stage.registry, SCHEDULER_NAME), PODS)
        await all_bound(stage, "app", 1)
        await written(kube, f"{stage.registry}/{IMAGE.name}")
    own_registry.stop()
    async with scheduler(stage, tmp_path) as log:
        again = Workload("again", (IMAGE.name,), 2, APP.runs_on)
        await create(stage, again.pods(stage.registry, SCHEDULER_NAME), PODS)
        assert {pod.spec.node_name for pod in await all_bound(stage, "again", 2)} == {"arm64-0"}
        assert re.search(r"warm +images=1", log.read_text())


async def test_a_second_replica_learns_what_the_first_one_reads(
    stage: RealStage, kube: KubeClient, own_registry: Registry, tmp_path: Path
) -> None:
    stage.push(IMAGE)
    async with scheduler(stage, tmp_path), scheduler(stage, tmp_path, "second"):
        await create(stage, APP.pods(stage.registry, SCHEDULER_NAME), PODS)
        await all_bound(stage, "app", 1)
        await written(kube, f"{stage.registry}/{IMAGE.name}")
        own_registry.stop()
        await create(stage, Workload("twin", (IMAGE.name,), 1, APP.runs_on).pods(stage.registry, "second"), PODS)
        assert {pod.spec.node_name for pod in await all_bound(stage, "twin", 1)} == {"arm64-0"}


async def test_what_an_administrator_declares_is_used_at_once_and_goes_before_the_registry(
    stage: RealStage, kube: KubeClient, tmp_path: Path
) -> None:
    stage.push(IMAGE)
    async with scheduler(stage, tmp_path):
        hidden = Workload("hidden", ("away/app:1",), 1, frozenset())
        await create(stage, hidden.pods(stage.registry, SCHEDULER_NAME), PODS)
        await told_why(stage, "hidden", "404")
        await kube.create(declaration("away", f"{stage.registry}/away/app:1", "linux/amd64"))
        assert {pod.spec.node_name for pod in await all_bound(stage, "hidden", 1)} == {"amd64-0"}

        await create(stage, APP.pods(stage.registry, SCHEDULER_NAME), PODS)
        await all_bound(stage, "app", 1)
        read = await written(kube, f"{stage.registry}/{IMAGE.name}")
        await kube.create(declaration("overruled", f"{stage.registry}/{IMAGE.name}", "linux/amd64"))

        async def is_overruled() -> bool:
            return await placed_anew(stage) == "amd64-0"

        await eventually("the declaration counts", is_overruled)
        assert await written(kube, f"{stage.registry}/{IMAGE.name}") == read


async def test_images_read_with_a_pods_own_secret_are_shared_without_their_names(
    stage: RealStage, kube: KubeClient, servers_folder: Path, control_plane: ControlPlane, tmp_path: Path
) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    with Registry(servers_folder, name="private-shared", private=True) as private:
        pushed = Publisher(private, folder).push_image("secret/app:1", "linux/arm64")
        secret = pull_secret(private.address)
        secret["metadata"]["name"] = "of-this-test"
        await create(stage, [secret], SECRETS)
        try:
            async with scheduler(stage, tmp_path):
                pods = Workload("secretive", ("secret/app:1",), 1, APP.runs_on).pods(private.address, SCHEDULER_NAME)
                for pod in pods:
                    pod["spec"]["imagePullSecrets"] = [{"name": "of-this-test"}]
                await create(stage, pods, PODS)
                await all_bound(stage, "secretive", 1)

                async def found() -> dict[str, Any] | None:
                    return next(iter(await objects(kube)), None)

                shared = await eventually("it is shared", found)
        finally:
            await stage.client.delete(f"{SECRETS}/of-this-test")
    assert shared["metadata"]["name"] == object_name(private.address, pushed.digest)
    assert shared["spec"]["platforms"] == ["linux/arm64"]
    assert "images" not in shared["spec"]
    assert "secret/app" not in str(shared)


async def test_kubectl_lists_images_platforms_and_who_says_so(
    stage: RealStage, kube: KubeClient, control_plane: ControlPlane, tmp_path: Path
) -> None:
    image = ScenarioImage("shared/multi", "2", (AMD64, ARM64))
    stage.push(image)
    async with scheduler(stage, tmp_path):
        await create(stage, Workload("multi", (image.name,), 1, frozenset()).pods(stage.registry, SCHEDULER_NAME), PODS)
        await all_bound(stage, "multi", 1)
        read = await written(kube, f"{stage.registry}/{image.name}")
    await kube.create(declaration("air-gapped", "registry.inside/app:1", "linux/s390x", "windows(10.0.20348)/amd64"))
    printed = kubectl(control_plane, "get", "imageplatforms")
    header, *rows = [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]
    assert header == ["NAME", "IMAGE", "PLATFORMS", "SOURCE", "LAST SEEN"]
    listed = {row[0]: row[1:4] for row in rows}
    assert listed == {
        "air-gapped": ["registry.inside/app:1", '["linux/s390x","windows(10.0.20348)/amd64"]', "Declared"],
        read["metadata"]["name"]: [f"{stage.registry}/{image.name}", '["linux/amd64","linux/arm64/v8"]', "Read"],
    }
    assert max(map(len, printed.splitlines())) < 150
    digest = read["spec"]["content"]["digest"]
    found = kubectl(control_plane, "get", "imageplatforms", f"--field-selector=spec.content.digest={digest}", "-oname")
    assert found.split() == [f"imageplatforms.multiarch-scheduler.io/{read['metadata']['name']}"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"platforms": ["linux/amd64"]}, "a declaration needs images and the platforms"),
        ({"images": [{"name": "a/b:1"}]}, "a declaration needs images and the platforms"),
        ({"images": [{"name": "a/b:1"}], "platforms": ["linux/amd64"], "registry": "a"}, "only what was read has"),
        ({"source": "Read", "registry": "a"}, "what was read has a registry and content"),
        ({"source": "Guessed"}, "Unsupported value"),
    ],
)
async def test_an_object_that_says_nothing_is_refused(
    stage: RealStage, kube: KubeClient, spec: dict[str, Any], message: str
) -> None:
    assert stage.registry
    refused = {**declaration("refused", "a/b:1"), "spec": spec}
    with pytest.raises(ApiFailure, match=message) as failure:
        await kube.create(refused)
    assert failure.value.status == 422


async def test_sharing_uses_every_permission_of_its_role_and_drops_what_is_old(
    stage: RealStage, control_plane: ControlPlane, kube: KubeClient, tmp_path: Path
) -> None:
    stage.push(IMAGE)
    before = len(control_plane.audit_events())
    text = (await kube.get("ConfigMap", NAME, NAME))["data"]["settings.yaml"]
    settings = tmp_path / "settings.yaml"
    settings.write_text(outside(text).replace("images:\n", "images:\n  tagLifetimeSeconds: 1\n"))
    token = await kube.service_account_token(NAME, NAME)
    kubeconfig = control_plane.admin.as_user("scheduler", token).write_kubeconfig(tmp_path / "account.kubeconfig", NAME)
    long_ago = (datetime.now(UTC) - timedelta(days=40)).strftime("%Y-%m-%dT%H:%M:%SZ")
    old = declaration("old", "ghcr.io/acme/old:1", "linux/amd64")
    old["spec"] |= {"source": "Read", "registry": "ghcr.io", "lastSeen": long_ago}
    old["spec"]["content"] = {"digest": "sha256:" + "0" * 64, "kind": "index"}
    await kube.create(old)
    async with scheduler_process(kubeconfig, tmp_path / "scheduler.log", f"--config={settings}"):
        await create(stage, APP.pods(stage.registry, SCHEDULER_NAME), PODS)
        await all_bound(stage, "app", 1)
        read = await written(kube, f"{stage.registry}/{IMAGE.name}")

        async def only_the_new_one_is_left() -> bool:
            return [each["metadata"]["name"] for each in await objects(kube)] == [read["metadata"]["name"]]

        await eventually("the old object is dropped", only_the_new_one_is_left)
        change = {"spec": {"images": [{"name": f"{stage.registry}/{IMAGE.name}", "seen": long_ago}]}}
        await kube.patch("ImagePlatforms", read["metadata"]["name"], change, api_version=API_VERSION)

        async def is_seen_again() -> bool:
            await placed_anew(stage)
            (now,) = await objects(kube)
            return bool(now["spec"]["images"][0]["seen"] != long_ago)

        await eventually("it is seen again", is_seen_again)
    role = await kube.get("ClusterRole", ROLE, api_version="rbac.authorization.k8s.io/v1")
    asked = {permission for permission in used(control_plane, before) if permission[1] == "imageplatforms"}
    assert asked == permissions(role)
    refused = [
        event
        for event in control_plane.audit_events()[before:]
        if event["user"]["username"] == ACCOUNT and event.get("responseStatus", {}).get("code") == 403
    ]
    assert not refused, refused[0]
