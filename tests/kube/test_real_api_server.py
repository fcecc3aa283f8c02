"""What the scripted server only claims, held against the real one: kube-apiserver with etcd, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import gc
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from scheduler.api.pod import Pod
from scheduler.kube.binding import BindResult, bind
from scheduler.kube.connection import connect, wait_until_reachable
from scheduler.kube.decoding import Failure, ObjectDecoder
from scheduler.kube.errors import ApiError, Forbidden, Gone, Unauthorized, explain
from scheduler.kube.event_recorder import EventRecorder
from scheduler.kube.pod_status import patch_unschedulable
from scheduler.kube.reflector import Reflector, ReflectorSettings
from scheduler.kube.secrets import PullSecrets
from tests.cluster import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kube_client import KubeClient
from tests.cluster.recipes import KUBERNETES_VERSION
from tests.kube.recorder import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from scheduler.kube.requests import ApiClient

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

NOW = 1_790_000_000.0


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as started:
        yield started


@pytest.fixture
async def kube(plane: ControlPlane) -> AsyncIterator[KubeClient]:
    async with KubeClient(plane.admin) as client:
        yield client


@pytest.fixture
async def client(plane: ControlPlane) -> AsyncIterator[ApiClient]:
    made = await connect(str(plane.kubeconfig))
    yield made
    await made.close()


@pytest.fixture
async def namespace(kube: KubeClient) -> str:
    name = f"test-{time.monotonic_ns():x}"
    await kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


class PodHandler:
    """The names of the pods that exist, and which node each is on."""

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}

    def replaced(self, items: list[Pod]) -> None:
        self.pods = {pod.metadata.name: pod for pod in items}

    def added(self, item: Pod) -> None:
        self.pods[item.metadata.name] = item

    modified = added

    def deleted(self, item: Pod) -> None:
        del self.pods[item.metadata.name]


@asynccontextmanager
async def following(client: ApiClient, namespace: str, problems: list[str]) -> AsyncIterator[tuple[Any, PodHandler]]:
    handler = PodHandler()
    reflector = Reflector(
        client,
        f"/api/v1/namespaces/{namespace}/pods",
        Pod,
        handler,
        field_selector="status.phase!=Succeeded,status.phase!=Failed",
        on_problem=problems.append,
        settings=ReflectorSettings(page_size=3, first_delay=0.1, longest_delay=0.5),
    )
    task = asyncio.create_task(reflector.run())
    try:
        await asyncio.wait_for(reflector.synced.wait(), 10)
        yield reflector, handler
    finally:
        task.cancel()
        await asyncio.wait([task])


async def a_pod(kube: KubeClient, namespace: str, name: str = "web", **spec: Any) -> Pod:
    created = await kube.create(pods.pod(name, "ghcr.io/acme/app:1", **spec), namespace)
    return msgspec.convert(created, Pod)


async def wait_until_ready(client: ApiClient) -> None:
    async with asyncio.timeout(45):
        while True:
            try:
                await client.request("GET", "/readyz")
            except ApiError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_the_server_is_reached_by_kubeconfig(client: ApiClient) -> None:
    assert await wait_until_reachable(client, pytest.fail) == f"v{KUBERNETES_VERSION}"


async def test_strangers_are_told_what_to_fix(plane: ControlPlane, kube: KubeClient, tmp_path: Path) -> None:
    await kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}}, "default")
    tokens = {"nobody": await kube.service_account_token("nobody", "default"), "forged": "forged-token"}
    texts = {}
    for user, token in tokens.items():
        stranger = await connect(str(plane.admin.as_user(user, token).write_kubeconfig(tmp_path / user)))
        with pytest.raises((Forbidden, Unauthorized)) as caught:
            await stranger.request("GET", "/api/v1/pods")
        texts[user] = explain(caught.value, stranger.server)
        await stranger.close()
    assert 'User "system:serviceaccount:default:nobody" cannot list resource "pods"' in texts["nobody"]
    assert "check the token or client certificate" in texts["forged"]


async def test_pods_are_followed_from_a_list_in_pages_through_all_changes(
    client: ApiClient, kube: KubeClient, namespace: str
) -> None:
    problems: list[str] = []
    await kube.create_all([pods.pod(f"old-{number}", "acme/app:1") for number in range(8)], namespace)
    async with following(client, namespace, problems) as (reflector, handler):
        assert len(handler.pods) == 8
        await kube.create(pods.pod("new", "acme/app:1"), namespace)
        await kube.bind("new", "arm-1", namespace)
        await kube.delete("Pod", "old-0", namespace)
        await kube.request(
            "PATCH",
            f"/api/v1/namespaces/{namespace}/pods/old-1/status",
            {"status": {"phase": "Succeeded"}},
            "application/merge-patch+json",
        )
        await until(lambda: "new" in handler.pods and handler.pods["new"].spec.node_name == "arm-1")
        await until(lambda: set(handler.pods) == {"new", *(f"old-{number}" for number in range(2, 8))})
    assert (problems, reflector.stats.lists) == ([], 1)


# A server that goes away in the middle of a TLS handshake can leave asyncio's half-made transport to the garbage
# collector, which then warns; whoever ran next was blamed. Collected here, it is ignored here and nowhere else.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_restart_of_the_api_server_is_survived(
    plane: ControlPlane, client: ApiClient, kube: KubeClient, namespace: str
) -> None:
    problems: list[str] = []
    await a_pod(kube, namespace, "before")
    async with following(client, namespace, problems) as (reflector, handler):
        plane.api_server.stop()
        await until(lambda: problems)
        plane.api_server.start()
        await wait_until_ready(client)
        await a_pod(kube, namespace, "after")
        await until(lambda: set(handler.pods) == {"before", "after"})
    assert reflector.stats.failures > 0
    assert f"watching pods: cannot reach the API server {plane.server}" in problems[0]
    gc.collect()


async def test_a_version_that_the_server_forgot_is_understood(
    plane: ControlPlane, client: ApiClient, namespace: str
) -> None:
    """A server remembers no change from before its start, so after a restart version 1 is forgotten for certain."""
    plane.api_server.stop()
    plane.api_server.start()
    await wait_until_ready(client)
    decoder = ObjectDecoder(Pod)
    query: dict[str, str | int] = {"watch": 1, "resourceVersion": "1"}
    async with aclosing(client.stream(f"/api/v1/namespaces/{namespace}/pods", query=query)) as lines:
        event = decoder.event(await anext(lines))
    assert isinstance(event, Failure)
    assert isinstance(event.error, Gone)


async def test_each_outcome_of_a_binding_is_told_apart(client: ApiClient, kube: KubeClient, namespace: str) -> None:
    pod = await a_pod(kube, namespace)
    gated = await a_pod(kube, namespace, "gated", schedulingGates=[{"name": "wait"}])

    async def outcome(of: Pod, node: str, uid: str | None = None) -> BindResult:
        return (await bind(client, namespace, of.metadata.name, uid or of.metadata.uid, node)).result

    assert await outcome(gated, "arm-1") is BindResult.FAILED
    assert await outcome(pod, "arm-1", uid="00000000-0000-0000-0000-000000000000") is BindResult.GONE
    assert await outcome(pod, "arm-1") is BindResult.BOUND
    assert await outcome(pod, "arm-1") is BindResult.BOUND
    assert await outcome(pod, "x86-1") is BindResult.CONFLICT
    await kube.delete("Pod", "gated", namespace)
    assert await outcome(gated, "arm-1") is BindResult.GONE
    assert (await kube.get("Pod", "web", namespace))["spec"]["nodeName"] == "arm-1"


async def test_many_bindings_share_few_connections(client: ApiClient, kube: KubeClient, namespace: str) -> None:
    created = await kube.create_all([pods.pod(f"web-{number}", "acme/app:1") for number in range(200)], namespace)
    outcomes = await asyncio.gather(
        *(bind(client, namespace, pod["metadata"]["name"], pod["metadata"]["uid"], "arm-1") for pod in created)
    )
    assert {outcome.result for outcome in outcomes} == {BindResult.BOUND}


async def condition(kube: KubeClient, namespace: str) -> tuple[Pod, dict[str, Any]]:
    read = await kube.get("Pod", "web", namespace)
    [found] = [each for each in read["status"]["conditions"] if each["type"] == "PodScheduled"]
    return msgspec.convert(read, Pod), found


async def test_the_condition_of_a_pod_without_node_is_kept_current(
    client: ApiClient, kube: KubeClient, namespace: str
) -> None:
    pod = await a_pod(kube, namespace)
    assert await patch_unschedulable(client, pod, "Unschedulable", "0/1 nodes are available: 1 a.", NOW)
    pod, first = await condition(kube, namespace)
    assert (first["status"], first["reason"], first["message"]) == (
        "False",
        "Unschedulable",
        "0/1 nodes are available: 1 a.",
    )
    assert not await patch_unschedulable(client, pod, "Unschedulable", "0/1 nodes are available: 1 a.", NOW + 60)
    assert await patch_unschedulable(client, pod, "Unschedulable", "0/2 nodes are available: 2 b.", NOW + 60)
    pod, second = await condition(kube, namespace)
    assert second["message"] == "0/2 nodes are available: 2 b."
    assert second["lastTransitionTime"] == first["lastTransitionTime"] == "2026-09-21T14:13:20Z"


async def test_the_condition_of_another_pod_of_the_same_name_is_not_written(
    client: ApiClient, kube: KubeClient, namespace: str
) -> None:
    deleted = await a_pod(kube, namespace)
    await kube.delete("Pod", "web", namespace)
    assert not await patch_unschedulable(client, deleted, "Unschedulable", "no", NOW)
    await a_pod(kube, namespace)
    assert not await patch_unschedulable(client, deleted, "Unschedulable", "no", NOW)
    assert "conditions" not in (await kube.get("Pod", "web", namespace))["status"]


async def test_events_are_accepted_and_become_a_series(client: ApiClient, kube: KubeClient, namespace: str) -> None:
    problems: list[str] = []
    pod = await a_pod(kube, namespace)
    longest = await a_pod(kube, namespace, "x" * 253)
    recorder = EventRecorder(client, "multiarch-scheduler", "multiarch-scheduler-host", on_problem=problems.append)
    task = asyncio.create_task(recorder.run())
    recorder.record(longest, "Normal", "Scheduled", "Binding", "ü" * 2000)
    for _ in range(5):
        recorder.record(pod, "Warning", "FailedScheduling", "Scheduling", "0/1 nodes are available: 1 a.")
        await until(lambda: not recorder.unfinished)
    await recorder.stop()
    await task
    assert (problems, recorder.stats.dropped) == ([], 0)
    events = {event["reason"]: event for event in await kube.list("Event", namespace, api_version="events.k8s.io/v1")}
    assert set(events) == {"Scheduled", "FailedScheduling"}
    assert events["FailedScheduling"]["series"]["count"] == 5
    assert events["FailedScheduling"]["regarding"]["uid"] == pod.metadata.uid
    assert len(events["Scheduled"]["note"].encode()) == 1024


async def test_pull_secrets_are_read_as_the_server_stores_them(
    client: ApiClient, kube: KubeClient, namespace: str
) -> None:
    config = b'{"auths": {"ghcr.io": {"auth": "eDp5"}}}'
    await kube.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "pull"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(config).decode()},
        },
        namespace,
    )
    problems: list[str] = []
    secrets = PullSecrets(client, on_problem=problems.append)
    assert await secrets.read(namespace, ["missing", "pull"]) == [("kubernetes.io/dockerconfigjson", config)]
    assert problems == []
