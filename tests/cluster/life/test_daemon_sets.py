"""DaemonSets over three platforms: an image that lacks one is said so once per node, and nothing churns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.cluster.kube_client import eventually
from tests.cluster.life.stream import stream_of_pods
from tests.cluster.nodes import amd64_node, arm64_node, windows_node
from tests.cluster.pods import pod

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import Object
    from tests.cluster.place import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

WATCHED_SECONDS = 5.0
"""How long nothing may churn: with pods that come and go all the while, ten times what an event loop would need."""


@pytest.fixture
async def busy(place: Place, cluster: ClusterNodes) -> AsyncIterator[Place]:
    """A node of each platform, and a stream of pods."""
    await cluster.add(amd64_node("amd-0"), arm64_node("arm-0"), windows_node("win-0"))
    async with stream_of_pods(place):
        yield place


async def test_an_image_for_all_platforms_runs_on_every_node_and_on_those_that_join(
    busy: Place, cluster: ClusterNodes
) -> None:
    await busy.kube.create(a_daemon_set(busy.image), busy.namespace)
    await run_on(busy, {"amd-0", "arm-0", "win-0"})
    await cluster.add(windows_node("win-1"), arm64_node("arm-1"))
    await run_on(busy, {"amd-0", "arm-0", "arm-1", "win-0", "win-1"})


async def test_an_image_that_lacks_a_platform_is_told_once_per_node_and_nothing_churns(
    busy: Place, cluster: ClusterNodes, publisher: Publisher
) -> None:
    linux_only = publisher.push_index("life/agent:1", "linux/amd64", "linux/arm64").name
    await busy.kube.create(a_daemon_set(linux_only), busy.namespace)
    await run_on(busy, {"amd-0", "arm-0"})
    await are_told(busy, {"win-0"})
    await cluster.add(windows_node("win-1"))
    await are_told(busy, {"win-0", "win-1"})
    before = await uids(busy)
    await asyncio.sleep(WATCHED_SECONDS)
    assert await uids(busy) == before
    for name in before:
        events = await failures(busy, name)
        assert len(events) == (name in {each["metadata"]["name"] for each in await waiting(busy)})
        assert all("series" not in event for event in events)

    # The next version has what was missing.
    containers = [{"name": "c0", "image": busy.image, "resources": {"requests": {"cpu": "10m"}}}]
    change = {"spec": {"template": {"spec": {"containers": containers}}}}
    await busy.kube.patch("DaemonSet", "agent", change, busy.namespace, "apps/v1")
    await run_on(busy, {"amd-0", "arm-0", "win-0", "win-1"})


def a_daemon_set(image: str) -> Object:
    template = pod("agent", image, cpu="10m", memory=None)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": template["spec"]},
        },
    }


async def daemon_pods(place: Place) -> list[Object]:
    return await place.kube.list("Pod", place.namespace, labelSelector="app=agent")


async def waiting(place: Place) -> list[Object]:
    return [each for each in await daemon_pods(place) if not each["spec"].get("nodeName")]


async def uids(place: Place) -> dict[str, str]:
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in await daemon_pods(place)}


async def failures(place: Place, name: str) -> list[Object]:
    query = {"fieldSelector": f"regarding.name={name},reason=FailedScheduling"}
    return await place.kube.list("Event", place.namespace, "events.k8s.io/v1", **query)


async def run_on(place: Place, nodes: set[str]) -> None:
    """Until just these nodes have a pod that runs."""

    async def there() -> bool:
        running = [each for each in await daemon_pods(place) if each["status"].get("phase") == "Running"]
        return sorted(each["spec"]["nodeName"] for each in running) == sorted(nodes)

    await eventually(f"the DaemonSet runs on {sorted(nodes)}", there, 30)


async def are_told(place: Place, nodes: set[str]) -> None:
    """Until the pods for just these nodes wait, each with its reason in its condition and in one event."""

    async def told() -> bool:
        pods = await waiting(place)
        reasons = [str(each["status"].get("conditions")) for each in pods]
        good = all("1 node(s) can't run image" in reason and "built for linux/amd64" in reason for reason in reasons)
        wanted = {_wanted_node(each) for each in pods}
        events = [await failures(place, each["metadata"]["name"]) for each in pods]
        return good and wanted == nodes and all(len(each) == 1 for each in events)

    await eventually(f"the pods for {sorted(nodes)} are told", told, 30)


def _wanted_node(pod: Object) -> str:
    """The node that the controller made the pod for."""
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    name: str = required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    return name
