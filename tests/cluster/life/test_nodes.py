"""Nodes join, turn NotReady, are cordoned, drained, relabelled and leave, while pods keep coming."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.installation import kubectl
from tests.cluster.kube_client import eventually
from tests.cluster.life.stream import Stream, stream_of_pods
from tests.cluster.nodes import KWOK_ANNOTATION, amd64_node, arm64_node, windows_node
from tests.cluster.pods import deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient, Object
    from tests.cluster.place import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

HOSTNAME = "kubernetes.io/hostname"
NOT_READY = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "by the test"}
SMALL = {"cpu": "1m", "memory": "1Mi"}
"""So small that the node is as empty as before."""
SEEN_SECONDS = 1.0
"""After so long the scheduler knows what happened to a node."""


@pytest.fixture
async def stream(place: Place, cluster: ClusterNodes) -> AsyncIterator[Stream]:
    """On a node of each platform."""
    await cluster.add(amd64_node("amd-0"), arm64_node("arm-0"), windows_node("win-0"))
    async with stream_of_pods(place) as stream:
        yield stream


async def test_a_node_that_joins_takes_pods_once_it_is_ready(stream: Stream, cluster: ClusterNodes) -> None:
    """A kubelet registers its node with labels and as not Ready yet; it is tainted until it is."""
    place = stream.place
    await place.pod("picky", **SMALL, nodeSelector={HOSTNAME: "arm-late"})
    await place.waits("picky", "didn't match Pod's node affinity/selector")
    late = arm64_node("arm-late", simulated=False)
    late["status"]["conditions"] = [NOT_READY]
    await cluster.add(late, ready=False)
    await place.until("told", "picky", lambda pod: "1 node(s) had untolerated taint(s)" in str(pod["status"]))
    await says(place.kube, "arm-late", {**NOT_READY, "status": "True", "reason": "KubeletReady"})
    await place.bound("picky")
    await has_pods_of(stream, "arm-late")


async def test_a_node_that_registers_with_taints_takes_only_pods_that_tolerate_them(
    stream: Stream, cluster: ClusterNodes
) -> None:
    place, began = stream.place, time.monotonic()
    taint = {"key": "example.com/gpu", "value": "yes", "effect": "NoSchedule"}
    await cluster.add(amd64_node("gpu-0", taints=[taint], labels={"example.com/gpu": "yes"}))
    await place.pod("plain", **SMALL, nodeSelector={"example.com/gpu": "yes"})
    await place.waits("plain", "1 node(s) had untolerated taint(s)")
    await place.pod(
        "gpu", **SMALL, nodeSelector={"example.com/gpu": "yes"}, tolerations=[{**taint, "operator": "Equal"}]
    )
    await place.bound("gpu")
    await asyncio.sleep(SEEN_SECONDS)
    assert not stream.on("gpu-0", began)
    await place.kube.patch("Node", "gpu-0", {"spec": {"taints": []}})
    await place.bound("plain")
    await has_pods_of(stream, "gpu-0")


async def test_a_node_that_is_not_ready_takes_no_pods_until_it_is_again(stream: Stream, cluster: ClusterNodes) -> None:
    place = stream.place
    await cluster.add(amd64_node("amd-1"))
    await has_pods_of(stream, "amd-1")
    await not_ready(place.kube, "amd-1")
    await asyncio.sleep(SEEN_SECONDS)
    began = time.monotonic()
    await place.pod("picky", **SMALL, nodeSelector={HOSTNAME: "amd-1"})
    await place.waits("picky", "1 node(s) had untolerated taint(s)")
    await asyncio.sleep(SEEN_SECONDS)
    assert not stream.on("amd-1", began)
    await played(place.kube, "amd-1")
    await place.bound("picky")
    await has_pods_of(stream, "amd-1")


async def test_a_drained_node_gives_its_pods_to_the_others_and_takes_them_again_once_uncordoned(
    stream: Stream, control_plane: ControlPlane
) -> None:
    place = stream.place
    await place.kube.create(deployment("web", 6, place.image, cpu="100m"), place.namespace)
    await runs(place, "web", 6)
    kubectl(control_plane, "cordon", "amd-0")
    await asyncio.sleep(SEEN_SECONDS)
    began = time.monotonic()
    drained = asyncio.to_thread(
        kubectl, control_plane, "drain", "amd-0", "--force", "--ignore-daemonsets", "--timeout=30s"
    )
    await drained
    where = await runs(place, "web", 6)
    assert "amd-0" not in where
    await asyncio.sleep(SEEN_SECONDS)
    assert not stream.on("amd-0", began)
    kubectl(control_plane, "uncordon", "amd-0")
    await has_pods_of(stream, "amd-0")


async def test_a_pod_that_waits_for_a_label_is_bound_once_a_node_has_it(stream: Stream) -> None:
    place = stream.place
    await place.pod("fast", nodeSelector={"example.com/disk": "ssd"})
    await place.waits("fast", "3 node(s) didn't match Pod's node affinity/selector")
    await place.kube.patch("Node", "arm-0", {"metadata": {"labels": {"example.com/disk": "ssd"}}})
    await place.bound("fast")
    await place.kube.patch("Node", "arm-0", {"metadata": {"labels": {"example.com/disk": None}}})
    await place.until("where it is", "fast", lambda pod: pod["spec"]["nodeName"] == "arm-0")
    await place.pod("late", nodeSelector={"example.com/disk": "ssd"})
    await place.waits("late", "3 node(s) didn't match Pod's node affinity/selector")


async def test_a_node_that_leaves_is_out_of_the_picture_and_back_when_it_rejoins(
    stream: Stream, cluster: ClusterNodes
) -> None:
    place = stream.place
    await cluster.add(amd64_node("amd-1"))
    await place.kube.create(deployment("web", 8, place.image, cpu="100m"), place.namespace)
    assert "amd-1" in await runs(place, "web", 8)
    await cluster.remove("amd-1")
    await asyncio.sleep(SEEN_SECONDS)
    began = time.monotonic()
    for pod in await place.kube.list("Pod", place.namespace, labelSelector="app=web"):
        if pod["spec"].get("nodeName") == "amd-1":  # as a cloud's controller does when the machine is gone
            path = await place.kube.path("v1", "Pod", place.namespace, pod["metadata"]["name"])
            await place.kube.request("DELETE", path, gracePeriodSeconds="0")
    assert "amd-1" not in await runs(place, "web", 8)
    assert not stream.on("amd-1", began)
    await place.pod("picky", **SMALL, nodeSelector={HOSTNAME: "amd-1"})
    await place.waits("picky", "0/3 nodes are available")
    await cluster.add(amd64_node("amd-1"))
    await place.bound("picky")
    await has_pods_of(stream, "amd-1")


async def runs(place: Place, app: str, count: int) -> set[str]:
    """The nodes of the app's pods, once so many run and no other is there."""

    async def there() -> set[str] | None:
        pods = await place.kube.list("Pod", place.namespace, labelSelector=f"app={app}")
        running = [pod["spec"]["nodeName"] for pod in pods if pod["status"].get("phase") == "Running"]
        return set(running) if len(running) == len(pods) == count else None

    return await eventually(f"{count} pods of {app} run", there, 30)


async def has_pods_of(stream: Stream, node: str) -> None:
    began = time.monotonic()

    async def some() -> list[str]:
        return stream.on(node, began)

    await eventually(f"pods of the stream go to {node}", some, 20)


async def played(kube: KubeClient, name: str) -> None:
    """From now on kwok is the node's kubelet, and it is Ready."""
    await kube.patch("Node", name, {"metadata": {"annotations": dict([KWOK_ANNOTATION])}})


async def not_ready(kube: KubeClient, name: str) -> None:
    """Its kubelet says so, and kwok has nothing to say against it."""
    await kube.patch("Node", name, {"metadata": {"annotations": {KWOK_ANNOTATION[0]: None}}})
    await says(kube, name, NOT_READY)

    async def tainted() -> bool:
        taints = (await kube.get("Node", name))["spec"].get("taints", [])
        return any(taint["key"] == "node.kubernetes.io/not-ready" for taint in taints)

    await eventually(f"{name} is tainted", tainted)


async def says(kube: KubeClient, name: str, ready: Object) -> None:
    """The node's condition, as its kubelet writes it."""
    path = await kube.path("v1", "Node", None, name)
    change = {"status": {"conditions": [ready]}}
    await kube.request("PATCH", f"{path}/status", change, "application/strategic-merge-patch+json")
