"""Simulated kubelets, as a cluster's other clients see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from scheduler.api.node import Node
from scheduler.kube.credentials import FixedCredentials
from scheduler.kube.requests import ApiClient
from scheduler.sandbox.api_server import SandboxApiServer
from scheduler.sandbox.kubelet_status import ImageTrouble
from scheduler.sandbox.kubelets import SandboxKubelets
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, node
from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_binding, a_container, a_pod

PODS = "/api/v1/namespaces/default/pods"
NO_MATCH = ImageTrouble("no match for platform in manifest: not found")
CRASH = ImageTrouble("exec /app: exec format error", pulled=True)


class Images:
    """Decides by the image's name; what is in ``fixed`` runs from then on."""

    def __init__(self) -> None:
        self.fixed: set[str] = set()
        self.asked: list[tuple[str, str]] = []

    def can_run(self, image: str, on: Node) -> ImageTrouble | None:
        self.asked.append((image, on.name))
        if image in self.fixed:
            return None
        return {"amd64-only": NO_MATCH if on.name == "arm" else None, "crashing": CRASH}.get(image)


@pytest.fixture
def images() -> Images:
    return Images()


@pytest.fixture
async def kubelets(server: SandboxApiServer, images: Images) -> AsyncIterator[SandboxKubelets]:
    """At work on two nodes, an arm64 and an amd64 one; they try again after a twentieth of a second."""
    server.create(node("arm", ARM64_LINUX, address="10.0.0.7"))
    server.create(node("amd", AMD64_LINUX))
    client = ApiClient(server.url, FixedCredentials(f"Bearer {server.token}"))
    started = SandboxKubelets(client, images.can_run, first_pause=0.05, longest_pause=0.1)
    await started.start()
    yield started
    await started.stop()
    await client.close()


async def eventually(api: Api, path: str, state: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The object once it is in the state."""
    async with api.watch(path.rpartition("/")[0], fieldSelector=f"metadata.name={path.rpartition('/')[2]}") as events:
        while (event := await events.next()) is not None:
            if state(event["object"]):
                found: dict[str, Any] = event["object"]
                return found
    raise AssertionError(f"{path} never got there")


def is_running(pod: dict[str, Any]) -> bool:
    return bool(pod["status"]["phase"] == "Running")


def waits_for(reason: str) -> Callable[[dict[str, Any]], bool]:
    def state(pod: dict[str, Any]) -> bool:
        statuses = [*pod["status"].get("containerStatuses", []), *pod["status"].get("initContainerStatuses", [])]
        return any(each["state"].get("waiting", {}).get("reason") == reason for each in statuses)

    return state


async def bound(api: Api, to: str, *containers: dict[str, Any], name: str = "a", **spec: Any) -> str:
    """The path of a new pod that is bound to the node."""
    await api.create(PODS, a_pod(name, containers=list(containers) or [a_container()], **spec))
    await api.create(f"{PODS}/{name}/binding", a_binding(name, to))
    return f"{PODS}/{name}"


async def notes(api: Api, pod: str) -> list[str]:
    events = (await api.get("/api/v1/namespaces/default/events", fieldSelector=f"involvedObject.name={pod}")).document
    in_order = sorted(events["items"], key=lambda event: int(event["metadata"]["resourceVersion"]))
    return [f"{event['reason']}: {event['message']}" for event in in_order]


@pytest.mark.usefixtures("kubelets")
async def test_a_bound_pod_runs(sandbox: Api) -> None:
    sidecar = a_container("proxy", "proxy:1", restartPolicy="Always")
    path = await bound(sandbox, "arm", a_container(), initContainers=[a_container("setup", "setup:1"), sidecar])
    pod = await eventually(sandbox, path, is_running)

    status = pod["status"]
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "PodScheduled": "True",
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
    }
    assert (status["hostIP"], status["podIP"]) == ("10.0.0.7", "10.244.0.1")
    assert "running" in status["containerStatuses"][0]["state"]
    setup, proxy = status["initContainerStatuses"]
    assert setup["state"]["terminated"]["reason"] == "Completed"
    assert "running" in proxy["state"]
    assert await notes(sandbox, "a") == [
        'Pulled: Successfully pulled image "setup:1"',
        "Started: Started container setup",
        'Pulled: Successfully pulled image "proxy:1"',
        "Started: Started container proxy",
        'Pulled: Successfully pulled image "ghcr.io/acme/app:1"',
        "Started: Started container main",
    ]


@pytest.mark.usefixtures("kubelets")
async def test_an_image_that_cannot_be_pulled_is_tried_again(sandbox: Api, images: Images) -> None:
    path = await bound(sandbox, "arm", a_container("good", "other:1"), a_container("bad", "amd64-only"))
    failing = await eventually(sandbox, path, waits_for("ErrImagePull"))
    good, bad = failing["status"]["containerStatuses"]
    assert bad["state"]["waiting"]["message"] == "no match for platform in manifest: not found"
    assert "running" in good["state"]
    assert failing["status"]["phase"] == "Pending"

    await eventually(sandbox, path, waits_for("ImagePullBackOff"))
    images.fixed.add("amd64-only")
    await eventually(sandbox, path, is_running)
    assert 'Failed: Failed to pull image "amd64-only": no match for platform in manifest: not found' in await notes(
        sandbox, "a"
    )


@pytest.mark.usefixtures("kubelets")
async def test_the_node_decides(sandbox: Api) -> None:
    path = await bound(sandbox, "amd", a_container(image="amd64-only"))
    await eventually(sandbox, path, is_running)


@pytest.mark.usefixtures("kubelets")
async def test_an_image_that_was_pulled_may_still_not_start(sandbox: Api) -> None:
    path = await bound(sandbox, "arm", a_container(image="crashing"))
    pod = await eventually(sandbox, path, waits_for("CrashLoopBackOff"))
    assert "exec format error" in pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert await notes(sandbox, "a") == [
        'Pulled: Successfully pulled image "crashing"',
        "Failed: Error: exec /app: exec format error",
    ]


@pytest.mark.usefixtures("kubelets")
async def test_a_failing_init_container_holds_the_rest_back(sandbox: Api, images: Images) -> None:
    path = await bound(sandbox, "arm", a_container(), initContainers=[a_container("setup", "amd64-only")])
    pod = await eventually(sandbox, path, waits_for("ImagePullBackOff"))
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    assert {image for image, _ in images.asked} == {"amd64-only"}


@pytest.mark.usefixtures("kubelets")
async def test_a_deleted_pod_goes(sandbox: Api) -> None:
    running = await bound(sandbox, "arm")
    await eventually(sandbox, running, is_running)
    failing = await bound(sandbox, "arm", a_container(image="amd64-only"), name="b")
    await eventually(sandbox, failing, waits_for("ErrImagePull"))

    async with sandbox.watch(PODS) as events:
        await events.take(2)
        for path in (running, failing):
            await sandbox.ask("DELETE", path)
        gone: set[str] = set()
        while len(gone) < 2:
            event = await events.next()
            assert event is not None
            if event["type"] == "DELETED":
                gone.add(event["object"]["metadata"]["name"])


@pytest.mark.usefixtures("kubelets")
async def test_a_pod_of_a_node_that_joins_later_runs_then(server: SandboxApiServer, sandbox: Api) -> None:
    path = await bound(sandbox, "late")
    await asyncio.sleep(0.05)
    assert (await sandbox.get(path)).document["status"]["phase"] == "Pending"
    server.create(node("late", ARM64_LINUX))
    await eventually(sandbox, path, is_running)


@pytest.mark.usefixtures("kubelets")
async def test_each_node_gets_a_lease(sandbox: Api) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    lease = await eventually(sandbox, f"{leases}/arm", lambda lease: True)
    assert lease["spec"]["holderIdentity"] == "arm"


@pytest.mark.usefixtures("kubelets")
async def test_kubelets_outlive_troubles_of_the_api_server(server: SandboxApiServer, sandbox: Api) -> None:
    server.faults.refuse("PATCH", "/status$", status=503, reason="ServiceUnavailable", times=2)
    path = await bound(sandbox, "arm")
    await eventually(sandbox, path, is_running)
    server.cut_watches()
    server.forget_history()
    await eventually(sandbox, await bound(sandbox, "arm", name="b"), is_running)


async def test_stopping_can_be_repeated(kubelets: SandboxKubelets) -> None:
    await kubelets.stop()
    await kubelets.stop()
