"""Claims that wait for a consumer, with the real persistent volume controller: bound for the node, then their pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduler.api.storage import SELECTED_NODE, PersistentVolumeClaim
from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.nodes import AMD64_LINUX, node
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import AMD64, ScenarioImage, Workload
from tests.cluster.stage import RealStage, real_stage
from tests.scenarios.walking import PODS, all_bound, eventually, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

APP = ScenarioImage("volumes/app", "1", (AMD64,))
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
HOSTNAME = "kubernetes.io/hostname"

LOCAL, MADE = "kubernetes.io/no-provisioner", "test.example/made-by-hand"


@pytest.fixture
async def stage(
    control_plane: ControlPlane, kwok: Kwok, publisher: Publisher, tmp_path: Path
) -> AsyncIterator[RealStage]:
    """Two nodes, two classes that wait for consumers, and a scheduler at work."""
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        stage.push(APP)
        await create(stage, [stage.as_node(node(name, AMD64_LINUX)) for name in ("one", "two")], "/api/v1/nodes")
        await create(stage, [a_class("local", LOCAL), a_class("made", MADE)], CLASSES)
        try:
            async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log"):
                yield stage
        finally:
            await stage.clear()
            for path in (CLAIMS, VOLUMES, CLASSES):
                await stage.client.delete(path)


async def test_pods_go_to_the_nodes_of_the_local_volumes_that_their_claims_get(stage: RealStage) -> None:
    await create(stage, [a_volume(f"disk-{name}", "local", name) for name in ("one", "two")], VOLUMES)
    await create(stage, [a_claim(f"data-{number}", "local") for number in range(3)], CLAIMS)
    await create(stage, [a_pod(f"db-{number}", f"data-{number}", stage) for number in range(2)], PODS)
    pods = await all_bound(stage, "db", 2)
    assert {pod.spec.node_name for pod in pods} == {"one", "two"}
    for pod in pods:
        claim = await the_claim(stage, pod.metadata.name.replace("db", "data"))
        assert claim.is_bound
        assert claim.spec.volume_name == f"disk-{pod.spec.node_name}"

    await create(stage, [a_pod("late-2", "data-2", stage)], PODS)
    await told_why(stage, "late", "2 node(s) didn't find available persistent volumes to bind")
    await create(stage, [a_volume("disk-more", "local", "two")], VOLUMES)
    (late,) = await all_bound(stage, "late", 1)
    assert late.spec.node_name == "two"


async def test_a_volume_is_made_for_the_node_that_the_claim_is_told_and_then_the_pod_is_bound(
    stage: RealStage,
) -> None:
    await create(stage, [a_claim("data", "made")], CLAIMS)
    await create(stage, [a_pod("db-0", "data", stage)], PODS)

    async def selected() -> str:
        return (await the_claim(stage, "data")).metadata.annotations.get(SELECTED_NODE, "")

    await eventually("a node is selected", selected)
    where, claim = await selected(), await the_claim(stage, "data")
    volume = a_volume("made-0", "made", where)
    volume["spec"]["claimRef"] = {"namespace": "default", "name": "data", "uid": claim.metadata.uid}
    await create(stage, [volume], VOLUMES)
    (pod,) = await all_bound(stage, "db", 1)
    assert pod.spec.node_name == where
    assert (await the_claim(stage, "data")).is_bound


async def the_claim(stage: RealStage, name: str) -> PersistentVolumeClaim:
    return await stage.client.get(f"{CLAIMS}/{name}", PersistentVolumeClaim)


def a_class(name: str, provisioner: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def a_claim(name: str, storage_class: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def a_volume(name: str, storage_class: str, where: str) -> dict[str, Any]:
    here = {"key": HOSTNAME, "operator": "In", "values": [where]}
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


def a_pod(name: str, claim: str, stage: RealStage) -> Mapping[str, Any]:
    workload, _, _ = name.partition("-")
    (pod,) = Workload(workload, (APP.name,), 1, frozenset()).pods(stage.registry, SCHEDULER_NAME)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {**pod, "metadata": {**pod["metadata"], "name": name}, "spec": {**pod["spec"], "volumes": volumes}}
