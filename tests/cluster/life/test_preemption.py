"""Room is made on the real API server: victims are told, get their grace, and the pod follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.kube_client import eventually
from tests.cluster.nodes import amd64_node

if TYPE_CHECKING:
    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.kube_client import KubeClient, Object
    from tests.cluster.place import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(120), pytest.mark.usefixtures("priorities")]

HOSTNAME = "kubernetes.io/hostname"


async def test_a_victim_is_told_why_has_its_grace_and_then_the_pod_is_bound(
    place: Place, cluster: ClusterNodes
) -> None:
    await a_node_that_nobody_plays(cluster, place.kube, "alone")
    await place.pod("low", cpu="6", priorityClassName="priority-1", terminationGracePeriodSeconds=25)
    await place.bound("low")
    await place.pod("high", cpu="6", priorityClassName="priority-10")
    await place.until("nominated", "high", lambda pod: pod["status"].get("nominatedNodeName") == "alone")
    await place.until("going", "low", lambda pod: pod["metadata"].get("deletionTimestamp"))

    low, high = await place.get("low"), await place.get("high")
    assert low["metadata"]["deletionGracePeriodSeconds"] == 25
    (target,) = [each for each in low["status"]["conditions"] if each["type"] == "DisruptionTarget"]
    assert (target["status"], target["reason"]) == ("True", "PreemptionByScheduler")
    assert target["message"] == "multiarch-scheduler: preempting to accommodate a higher priority pod"
    assert await notes(place, "low", "Preempted") == [f"Preempted by pod {high['metadata']['uid']} on node alone"]
    assert "nodeName" not in high["spec"]

    await ends(place, "low")
    await place.bound("high")
    assert "nominatedNodeName" not in (await place.get("high"))["status"]


async def test_all_victims_go_that_must_and_none_that_need_not(place: Place, cluster: ClusterNodes) -> None:
    await cluster.add(amd64_node("one"))
    for name, cpu, priority in (("low-0", "2", 1), ("low-1", "2", 1), ("spared", "1", 1), ("middle", "2", 5)):
        await place.pod(name, cpu=cpu, priorityClassName=f"priority-{priority}")
        await place.bound(name)
    await place.pod("high", cpu="5", priorityClassName="priority-10")
    await place.bound("high")
    left = {pod["metadata"]["name"] for pod in await place.kube.list("Pod", place.namespace)}
    assert left == {"spared", "middle", "high"}


async def test_a_pod_of_another_scheduler_is_a_victim_like_any(place: Place, cluster: ClusterNodes) -> None:
    await cluster.add(amd64_node("one"))
    await place.pod("theirs", cpu="6", priorityClassName="priority-1", scheduler="somebody-else")
    await place.kube.bind("theirs", "one", place.namespace)
    await place.pod("ours", cpu="6", priorityClassName="priority-10")
    await place.bound("ours")
    await place.gone("theirs")
    (note,) = await notes(place, "theirs", "Preempted")
    assert note.endswith("on node one")


async def test_a_budget_is_exceeded_only_where_nothing_else_helps(place: Place, cluster: ClusterNodes) -> None:
    await cluster.add(amd64_node("one"), amd64_node("two"))
    for name, node, priority in (("guarded", "one", 1), ("free", "two", 5)):
        here = {HOSTNAME: node}
        await place.pod(
            name, cpu="6", priorityClassName=f"priority-{priority}", nodeSelector=here, labels={"app": name}
        )
        await place.bound(name)
    await a_budget(place, "guarded", 1)

    # The pod of the lower priority is within no budget: the other one goes.
    await place.pod("first", cpu="6", priorityClassName="priority-10")
    await place.bound("first")
    assert (await place.get("first"))["spec"]["nodeName"] == "two"
    await place.gone("free")

    # Now nothing else would help.
    await place.pod("second", cpu="6", priorityClassName="priority-10")
    await place.bound("second")
    assert (await place.get("second"))["spec"]["nodeName"] == "one"
    await place.gone("guarded")


async def test_a_pod_goes_to_the_node_that_it_is_nominated_to_though_another_one_is_better(
    place: Place, cluster: ClusterNodes
) -> None:
    await cluster.add(amd64_node("one"), amd64_node("two"))
    await place.pod("filler", cpu="6", nodeSelector={HOSTNAME: "two"})
    await place.bound("filler")
    for name in ("nominated", "free"):
        await place.pod(name, schedulingGates=[{"name": "example.com/not-yet"}])
    path = await place.kube.path("v1", "Pod", place.namespace, "nominated")
    change = {"status": {"nominatedNodeName": "two"}}
    await place.kube.request("PATCH", f"{path}/status", change, "application/merge-patch+json")
    for name, node in (("nominated", "two"), ("free", "one")):
        await place.kube.patch("Pod", name, {"spec": {"schedulingGates": []}}, place.namespace)
        await place.bound(name)
        assert (await place.get(name))["spec"]["nodeName"] == node


async def test_nobody_of_lower_priority_takes_the_room_that_is_being_made(place: Place, cluster: ClusterNodes) -> None:
    await a_node_that_nobody_plays(cluster, place.kube, "alone")
    await place.pod("low", cpu="6", priorityClassName="priority-1", terminationGracePeriodSeconds=60)
    await place.bound("low")
    await place.pod("high", cpu="7", priorityClassName="priority-10")
    await place.until("nominated", "high", lambda pod: pod["status"].get("nominatedNodeName") == "alone")
    for name, cpu in (("late", "2"), ("small", "1")):  # there is room for both beside the victim
        await place.pod(name, cpu=cpu, priorityClassName="priority-5")
        await place.waits(name, "Insufficient cpu")
    await ends(place, "low")
    for name in ("high", "small"):
        await place.bound(name)
    assert "nodeName" not in (await place.get("late"))["spec"]


async def test_a_pod_loses_its_nomination_to_one_of_higher_priority(place: Place, cluster: ClusterNodes) -> None:
    await a_node_that_nobody_plays(cluster, place.kube, "alone")
    for name, cpu, priority in (("low", "4", 2), ("lower", "3", 1)):
        await place.pod(name, cpu=cpu, priorityClassName=f"priority-{priority}", terminationGracePeriodSeconds=60)
        await place.bound(name)
    await place.pod("middle", cpu="4", priorityClassName="priority-5")
    await place.until("nominated", "middle", lambda pod: pod["status"].get("nominatedNodeName") == "alone")
    await place.until("going", "lower", lambda pod: pod["metadata"].get("deletionTimestamp"))
    await place.pod("high", cpu="8", priorityClassName="priority-10")
    await place.until("nominated", "high", lambda pod: pod["status"].get("nominatedNodeName") == "alone")
    await place.until("nominated no more", "middle", lambda pod: not pod["status"].get("nominatedNodeName"))
    await place.until("going", "low", lambda pod: pod["metadata"].get("deletionTimestamp"))
    for name in ("low", "lower"):
        await ends(place, name)
    await place.bound("high")
    assert "nodeName" not in (await place.get("middle"))["spec"]


async def a_node_that_nobody_plays(cluster: ClusterNodes, kube: KubeClient, name: str) -> None:
    """Ready, though without a kubelet: what goes on it stays until the test acts. Good for 50 s without heartbeats."""
    await cluster.add(amd64_node(name, simulated=False), ready=False)
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "by the test"}
    path = await kube.path("v1", "Node", None, name)
    await kube.request(
        "PATCH", f"{path}/status", {"status": {"conditions": [ready]}}, "application/strategic-merge-patch+json"
    )
    await cluster.wait_ready(name)


async def ends(place: Place, name: str) -> None:
    """As its kubelet would have it once the containers are gone."""
    path = await place.kube.path("v1", "Pod", place.namespace, name)
    await place.kube.request("DELETE", path, gracePeriodSeconds="0")
    await place.gone(name)


async def notes(place: Place, name: str, reason: str) -> list[str]:
    """The texts of a pod's events, once there is one."""

    async def told() -> list[Object]:
        query = {"fieldSelector": f"regarding.name={name},reason={reason}"}
        return await place.kube.list("Event", place.namespace, "events.k8s.io/v1", **query)

    return [event["note"] for event in await eventually(f"{name} has an event {reason}", told)]


async def a_budget(place: Place, app: str, least: int) -> None:
    """A PodDisruptionBudget, once the controller has counted."""
    manifest: dict[str, Any] = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}},
    }
    await place.kube.create(manifest, place.namespace)

    async def counted() -> bool:
        budget = await place.kube.get("PodDisruptionBudget", app, place.namespace, "policy/v1")
        return budget.get("status", {}).get("currentHealthy") == least

    await eventually(f"the budget of {app} is counted", counted)
