"""Ours and the real kube-scheduler, one after the other on equal objects: conditions and events are the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.kube_client import ApiFailure, eventually
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.multiarch_scheduler import MultiarchScheduler
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.nodes import amd64_node
from tests.cluster.place import Place, condition
from tests.cluster.side_by_side.told import Told, told_about

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient, Object

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

UPSTREAM, OURS = "upstream-scheduler", "multiarch-scheduler"
BIND_SECONDS = 3


def configuration(name: str) -> dict[str, Any]:
    arguments = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "VolumeBindingArgs",
        "bindTimeoutSeconds": BIND_SECONDS,
    }
    impatient = {"schedulerName": f"{name}-2", "pluginConfig": [{"name": "VolumeBinding", "args": arguments}]}
    return {"profiles": [{"schedulerName": name}, impatient]}


@pytest.fixture(scope="module")
def schedulers(servers_folder: Path, control_plane: ControlPlane) -> Iterator[None]:
    """Both, each with a second profile that is impatient with volumes."""
    kubeconfig = control_plane.kubeconfig
    with (
        KubeScheduler(servers_folder, kubeconfig, configuration(UPSTREAM), name="kube-scheduler-beside-ours"),
        MultiarchScheduler(servers_folder, kubeconfig, configuration(OURS)),
    ):
        yield


@pytest.fixture
async def things(kube: KubeClient) -> AsyncIterator[None]:
    """Priorities and storage classes to name."""
    classes: list[Object] = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": f"priority-{value}"},
            "value": value,
        }
        for value in (1, 5, 10)
    ]
    classes.append({**classes[-1], "metadata": {"name": "polite"}, "preemptionPolicy": "Never"})
    for name, provisioner in (("local", "kubernetes.io/no-provisioner"), ("made", "test.example/by-nobody")):
        classes.append(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": name},
                "provisioner": provisioner,
                "volumeBindingMode": "WaitForFirstConsumer",
            }
        )
    async with contextlib.AsyncExitStack() as undo:
        for each in classes:
            await kube.create(each)
            undo.push_async_callback(kube.delete, each["kind"], each["metadata"]["name"], None, each["apiVersion"])
        yield


NODES = ("one", "two")
HERE = {"kubernetes.io/hostname": "one"}


async def a_pod_that_fits(place: Place) -> None:
    await place.pod("web", nodeSelector=HERE)
    await place.bound("web")


async def a_pod_in_a_cluster_without_nodes(place: Place) -> None:
    await place.pod("early")
    await place.waits("early", "no nodes available")


async def a_pod_that_fits_nowhere(place: Place) -> None:
    await place.pod("big", cpu="100")
    await place.waits("big", "Insufficient cpu")


async def a_pod_that_fails_again_and_again(place: Place) -> None:
    """What is told is counted in one event until the condition has told something new."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "friend"}}}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    await place.pod("lonely", nodeSelector=HERE, affinity=near)
    await place.events("lonely", "FailedScheduling", 1)
    for number, counts in enumerate(((1, 1), (1, 2))):
        await a_friend_elsewhere(place, number)
        await place.events("lonely", "FailedScheduling", *counts)
    await place.kube.patch("Node", "two", {"spec": {"unschedulable": True}})
    await asyncio.sleep(1)  # news of pods may overtake those of nodes
    await a_friend_elsewhere(place, 2)
    await place.until("told", "lonely", lambda pod: "were unschedulable" in condition(pod, "PodScheduled"))
    await a_friend_elsewhere(place, 3)
    await place.events("lonely", "FailedScheduling", 1, 2, 1)


async def a_pod_that_is_gated(place: Place) -> None:
    await place.pod("gated", schedulingGates=[{"name": "example.com/not-yet"}])
    await place.until("gated", "gated", lambda pod: pod["status"].get("conditions"))
    await place.pod("web", nodeSelector=HERE)
    await place.bound("web")


async def a_pod_that_takes_the_room_of_another(place: Place) -> None:
    await place.pod("low", cpu="7", nodeName="one", priorityClassName="priority-1")
    await place.kube.patch("Pod", "low", {"metadata": {"finalizers": ["example.com/keep"]}}, place.namespace)
    await place.pod("high", cpu="7", nodeSelector=HERE, priorityClassName="priority-10")
    await place.until("terminating", "low", lambda pod: pod["metadata"].get("deletionTimestamp"))
    await place.events("low", "Preempted", 1)
    await place.until("nominated", "high", lambda pod: pod["status"].get("nominatedNodeName"))
    await place.waits("high", "preempting 1 victims")


async def pods_that_take_the_room_of_the_same_pod(place: Place) -> None:
    """The second finds the victim on its way out already, and takes nobody's nomination."""
    await place.pod("low", cpu="7", nodeName="one", priorityClassName="priority-1")
    await place.kube.patch("Pod", "low", {"metadata": {"finalizers": ["example.com/keep"]}}, place.namespace)
    for name, priority in (("middle", 5), ("high", 10)):
        await place.pod(name, cpu="7", nodeSelector=HERE, priorityClassName=f"priority-{priority}")
        await place.until("nominated", name, lambda pod: pod["status"].get("nominatedNodeName"))
        await place.waits(name, "preempting 1 victims")
    await place.until("nominated", "middle", lambda pod: pod["status"].get("nominatedNodeName"))


async def a_pod_that_was_let_in_by_its_victim(place: Place) -> None:
    await a_pod_that_takes_the_room_of_another(place)
    await place.release("low")
    await place.gone("low")
    await place.bound("high")


async def a_pod_for_which_nobody_makes_room(place: Place) -> None:
    await place.pod("equal", cpu="7", nodeName="one", priorityClassName="priority-10")
    await place.pod("high", cpu="7", nodeSelector=HERE, priorityClassName="priority-10")
    await place.waits("high", "No preemption victims found")


async def a_pod_that_may_not_take_room(place: Place) -> None:
    await place.pod("low", cpu="7", nodeName="one", priorityClassName="priority-1")
    await place.pod("polite", cpu="7", nodeSelector=HERE, priorityClassName="polite")
    await place.waits("polite", "preemptionPolicy=Never")


async def pods_whose_claims_are_not_there(place: Place) -> None:
    await place.pod("orphan", volumes=claiming("nowhere"))
    await place.waits("orphan", "not found")
    await place.kube.create(claim("no-class", ""), place.namespace)
    await place.pod("unbound", volumes=claiming("no-class"))
    await place.waits("unbound", "immediate")


async def a_pod_without_a_local_volume(place: Place) -> None:
    await place.kube.create(claim("data", "local"), place.namespace)
    await place.pod("db", volumes=claiming("data"))
    await place.waits("db", "persistent volumes")


async def a_pod_whose_volume_is_being_made(place: Place) -> None:
    await place.kube.create(claim("data", "made"), place.namespace)
    await place.pod("db", volumes=claiming("data"), nodeSelector=HERE)
    await place.until("nominated", "db", lambda pod: pod["status"].get("nominatedNodeName"))


async def a_pod_whose_volume_is_not_made_in_time(place: Place) -> None:
    await place.kube.create(claim("data", "made"), place.namespace)
    await place.pod("db", volumes=claiming("data"), nodeSelector=HERE, schedulerName=f"{place.scheduler}-2")
    await place.waits("db", "deadline exceeded")
    await place.until("nominated no more", "db", lambda pod: not pod["status"].get("nominatedNodeName"))


async def a_pod_that_gives_way_while_its_volume_is_made(place: Place) -> None:
    """It is told so; what it is told when it is tried again, and how often, is a matter of timing."""
    await place.kube.create(claim("data", "made"), place.namespace)
    await place.pod("db", cpu="7", volumes=claiming("data"), nodeSelector=HERE, priorityClassName="priority-1")
    await place.until("nominated", "db", lambda pod: pod["status"].get("nominatedNodeName"))
    await place.pod("high", cpu="7", nodeSelector=HERE, priorityClassName="priority-10")
    await place.events("db", "Preempted", 1)
    await place.bound("high")
    await place.until("told", "db", lambda pod: "Insufficient cpu" in condition(pod, "PodScheduled"))
    await place.until("nominated no more", "db", lambda pod: not pod["status"].get("nominatedNodeName"))
    await place.kube.delete("Pod", "db", place.namespace)
    await place.gone("db")
    query = {"fieldSelector": "regarding.name=db,reason=FailedScheduling"}
    events = await place.kube.list("Event", place.namespace, "events.k8s.io/v1", **query)
    first = min(events, key=lambda event: event["eventTime"])
    assert first["note"] == 'running PreBind plugin "VolumeBinding": preempted by DefaultPreemption'
    for event in events:
        await place.kube.delete("Event", event["metadata"]["name"], place.namespace, "events.k8s.io/v1")


async def a_pod_whose_binding_is_refused(place: Place) -> None:
    """By a policy of the cluster."""
    api = "admissionregistration.k8s.io/v1"
    here = {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods/binding"]}
    specs: dict[str, Object] = {
        "ValidatingAdmissionPolicy": {
            "matchConstraints": {"namespaceSelector": here, "resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "not today"}],
        },
        "ValidatingAdmissionPolicyBinding": {"policyName": place.namespace, "validationActions": ["Deny"]},
    }
    async with contextlib.AsyncExitStack() as undo:
        for kind, spec in specs.items():
            manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": place.namespace}, "spec": spec}
            await place.kube.create(manifest)
            undo.push_async_callback(place.kube.delete, kind, place.namespace, None, api)
        await place.pod("probe", scheduler="nobody")

        async def refused() -> bool:
            path = await place.kube.path("v1", "Pod", place.namespace, "probe")
            binding = {"metadata": {"name": "probe"}, "target": {"kind": "Node", "name": "one"}}
            try:
                await place.kube.request("POST", f"{path}/binding", binding, dryRun="All")
            except ApiFailure as failure:
                return "not today" in str(failure)
            return False

        await eventually("the policy is in force", refused, 30)
        await place.pod("web", nodeSelector=HERE)
        await place.waits("web", "not today")


CASES = (
    a_pod_that_fits,
    a_pod_in_a_cluster_without_nodes,
    a_pod_that_fits_nowhere,
    a_pod_that_fails_again_and_again,
    a_pod_that_is_gated,
    a_pod_that_takes_the_room_of_another,
    pods_that_take_the_room_of_the_same_pod,
    a_pod_that_was_let_in_by_its_victim,
    a_pod_for_which_nobody_makes_room,
    a_pod_that_may_not_take_room,
    pods_whose_claims_are_not_there,
    a_pod_without_a_local_volume,
    a_pod_whose_volume_is_being_made,
    a_pod_whose_volume_is_not_made_in_time,
    a_pod_that_gives_way_while_its_volume_is_made,
    a_pod_whose_binding_is_refused,
)


@pytest.mark.usefixtures("schedulers", "things")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_both_tell_the_same_about(
    case: Callable[[Place], Awaitable[None]], kube: KubeClient, cluster: ClusterNodes, publisher: Publisher
) -> None:
    image = publisher.push_index("side-by-side/app:1", "linux/amd64", "linux/arm64").name
    upstream, ours = [
        await played(case, kube, cluster, name, image, () if case is a_pod_in_a_cluster_without_nodes else NODES)
        for name in (UPSTREAM, OURS)
    ]
    assert upstream
    assert json.dumps(ours, indent=1).splitlines() == json.dumps(upstream, indent=1).splitlines()


async def played(
    case: Callable[[Place], Awaitable[None]],
    kube: KubeClient,
    cluster: ClusterNodes,
    scheduler: str,
    image: str,
    nodes: tuple[str, ...],
) -> Told:
    """What the scheduler told about the case's pods."""
    await cluster.add(*map(amd64_node, nodes))
    async with fresh_namespace(kube) as namespace:
        try:
            await case(Place(kube, namespace, scheduler, image))
            told = await told_about(kube, namespace, scheduler)
        finally:
            for pod in await kube.list("Pod", namespace):
                await kube.patch("Pod", pod["metadata"]["name"], {"metadata": {"finalizers": None}}, namespace)
    await cluster.clear()
    return told


async def a_friend_elsewhere(place: Place, number: int) -> None:
    """An event that makes a scheduler try the lonely pod again, in vain."""
    await place.pod(f"friend-{number}", labels={"app": "friend"}, nodeName="two")


def claim(name: str, storage_class: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def claiming(name: str) -> list[Object]:
    return [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
