"""What controllers make of Deployments, StatefulSets and Jobs finds its nodes, while other pods keep coming."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.kube_client import ApiFailure, eventually
from tests.cluster.life.stream import stream_of_pods
from tests.cluster.nodes import amd64_node, arm64_node, windows_node
from tests.cluster.pods import deployment, pod

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient, Object
    from tests.cluster.place import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

HOSTNAME = "kubernetes.io/hostname"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
LOCAL, MADE = "life-local", "life-made"
ARM = {"arm-0", "arm-1"}
LINUX = {"amd-0", *ARM}


@pytest.fixture
async def busy(place: Place, cluster: ClusterNodes) -> AsyncIterator[Place]:
    """Four nodes of three platforms, and a stream of pods."""
    await cluster.add(amd64_node("amd-0"), arm64_node("arm-0"), arm64_node("arm-1"), windows_node("win-0"))
    async with stream_of_pods(place):
        yield place


@pytest.fixture
async def storage(kube: KubeClient) -> AsyncIterator[None]:
    """Classes of local volumes, and of volumes that somebody makes when he is told the node."""
    api = "storage.k8s.io/v1"
    for name, provisioner in ((LOCAL, "kubernetes.io/no-provisioner"), (MADE, "test.example/provisioner")):
        manifest = {"apiVersion": api, "kind": "StorageClass", "metadata": {"name": name}, "provisioner": provisioner}
        await kube.create({**manifest, "volumeBindingMode": "WaitForFirstConsumer"})
    yield
    for name in (LOCAL, MADE):
        await kube.delete("StorageClass", name, api_version=api)
    await kube.request("DELETE", await kube.path("v1", "PersistentVolume"))


async def test_a_rollout_follows_the_platforms_of_each_version(busy: Place, publisher: Publisher) -> None:
    first = publisher.push_index("life/web:1", "linux/amd64", "linux/arm64").name
    second = publisher.push_index("life/web:2", "linux/arm64").name
    nowhere = publisher.push_index("life/web:3", "linux/s390x").name
    await busy.kube.create(deployment("web", 12, first, cpu="50m"), busy.namespace)
    assert await rolled_out(busy, 12) <= LINUX
    await roll(busy, second)
    assert await rolled_out(busy, 12) <= ARM
    await roll(busy, nowhere)

    async def stuck() -> bool:
        pods = await busy.kube.list("Pod", busy.namespace, labelSelector="app=web")
        pending = [each for each in pods if not each["spec"].get("nodeName")]
        running = [each for each in pods if each["status"].get("phase") == "Running"]
        told = ["can't run image" in str(each["status"].get("conditions")) for each in pending]
        return len(pending) >= 3 and all(told) and len(running) >= 9

    await eventually("the rollout is stuck, and most of the version before runs", stuck, 30)
    await roll(busy, first)
    assert await rolled_out(busy, 12) <= LINUX


@pytest.mark.usefixtures("storage")
async def test_a_stateful_sets_pods_stay_with_their_local_volumes(busy: Place) -> None:
    where = {"disk-0": "amd-0", "disk-1": "arm-0", "disk-2": "arm-1"}
    for name, node in where.items():
        await busy.kube.create(a_volume(name, LOCAL, node))
    await busy.kube.create(a_stateful_set(busy, 3, LOCAL), busy.namespace)
    placed = await all_run(busy, "db", 3)
    assert set(placed.values()) == set(where.values())
    for name in placed:
        claim = await busy.kube.get("PersistentVolumeClaim", f"data-{name}", busy.namespace)
        assert where[claim["spec"]["volumeName"]] == placed[name]
    for name in placed:
        await busy.kube.delete("Pod", name, busy.namespace)
    assert await all_run(busy, "db", 3) == placed


@pytest.mark.usefixtures("storage")
async def test_a_stateful_sets_volumes_are_made_for_the_nodes_of_its_pods(busy: Place) -> None:
    async with provisioner(busy.kube, busy.namespace):
        await busy.kube.create(a_stateful_set(busy, 4, MADE, podManagementPolicy="Parallel"), busy.namespace)
        placed = await all_run(busy, "db", 4)
        for name, node in placed.items():
            claim = await busy.kube.get("PersistentVolumeClaim", f"data-{name}", busy.namespace)
            assert claim["status"]["phase"] == "Bound"
            assert claim["metadata"]["annotations"][SELECTED_NODE] == node
        await busy.kube.patch("StatefulSet", "db", {"spec": {"replicas": 1}}, busy.namespace, "apps/v1")
        await all_run(busy, "db", 1)
        await busy.kube.patch("StatefulSet", "db", {"spec": {"replicas": 6}}, busy.namespace, "apps/v1")
        again = await all_run(busy, "db", 6)
        assert placed.items() <= again.items()


async def test_a_jobs_pods_take_turns_in_room_for_a_few(busy: Place, cluster: ClusterNodes) -> None:
    await cluster.add(amd64_node("small-0", cpu="2", labels={"for": "jobs"}))
    template = pod("work", busy.image, cpu="900m", nodeSelector={"for": "jobs"}, restartPolicy="Never")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work"},
        "spec": {"parallelism": 6, "completions": 12, "template": {"spec": template["spec"]}},
    }
    await busy.kube.create(job, busy.namespace)

    async def complete() -> bool:
        status = (await busy.kube.get("Job", "work", busy.namespace, "batch/v1")).get("status", {})
        return any(each["type"] == "Complete" and each["status"] == "True" for each in status.get("conditions", []))

    await eventually("the job is complete", complete, 45)
    pods = await busy.kube.list("Pod", busy.namespace, labelSelector="job-name=work")
    assert {each["spec"]["nodeName"] for each in pods} == {"small-0"}
    assert len(pods) == 12


async def roll(place: Place, image: str) -> None:
    containers = [{"name": "c0", "image": image, "resources": {"requests": {"cpu": "50m"}}}]
    change = {"spec": {"template": {"spec": {"containers": containers}}}}
    await place.kube.patch("Deployment", "web", change, place.namespace, "apps/v1")


async def rolled_out(place: Place, count: int) -> set[str]:
    """The nodes of the Deployment's pods, once all are of its newest version and nothing else is left."""

    async def done() -> bool:
        web = await place.kube.get("Deployment", "web", place.namespace, "apps/v1")
        status = web.get("status", {})
        counts = [status.get(key) for key in ("replicas", "updatedReplicas", "availableReplicas")]
        return status.get("observedGeneration") == web["metadata"]["generation"] and counts == [count] * 3

    await eventually("the rollout is complete", done, 30)
    pods = await place.kube.list("Pod", place.namespace, labelSelector="app=web")
    return {each["spec"]["nodeName"] for each in pods if "deletionTimestamp" not in each["metadata"]}


async def all_run(place: Place, app: str, count: int) -> dict[str, str]:
    """Pod -> node, once so many run and no other is there."""

    async def there() -> dict[str, str] | None:
        pods = await place.kube.list("Pod", place.namespace, labelSelector=f"app={app}")
        if len(pods) != count or any(each["status"].get("phase") != "Running" for each in pods):
            return None
        return {each["metadata"]["name"]: each["spec"]["nodeName"] for each in pods}

    return await eventually(f"{count} pods of {app} run", there, 45)


@contextlib.asynccontextmanager
async def provisioner(kube: KubeClient, namespace: str) -> AsyncIterator[None]:
    """Makes volumes as a driver's would, for claims that were told their node."""

    async def provision() -> None:
        while True:
            for claim in await kube.list("PersistentVolumeClaim", namespace):
                node = claim["metadata"].get("annotations", {}).get(SELECTED_NODE)
                if node and not claim["spec"].get("volumeName"):
                    volume = a_volume(f"pvc-{claim['metadata']['uid']}", MADE, node)
                    reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": namespace}
                    metadata = {key: claim["metadata"][key] for key in ("name", "uid")}
                    volume["spec"]["claimRef"] = {**reference, **metadata}
                    with contextlib.suppress(ApiFailure):  # made already; the claim is not bound to it yet
                        await kube.create(volume)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(provision())
    try:
        yield
        assert not task.done(), task.result()
    finally:
        task.cancel()


def a_stateful_set(place: Place, replicas: int, storage_class: str, **spec: Any) -> Object:
    template = pod("db", place.image, cpu="50m", labels={"app": "db"})
    template["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": template["spec"]},
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "storageClassName": storage_class,
                        "resources": {"requests": {"storage": "1Gi"}},
                    },
                }
            ],
            **spec,
        },
    }


def a_volume(name: str, storage_class: str, node: str) -> Object:
    """That can be reached from one node."""
    here = {"key": HOSTNAME, "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "local": {"path": f"/mnt/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
