from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.kube.binding import BindOutcome, BindResult, bind
from scheduler.kube.errors import Conflict, NotFound, ServerError, TooManyRequests, Unreachable
from scheduler.kube.requests import ApiClient
from tests.kube.recorder import until
from tests.kube.scripted_server import ScriptedServer, dropped, ok, refused, silent

if TYPE_CHECKING:
    from tests.kube.scripted_server import Answer

POD = "/api/v1/namespaces/default/pods/web"
POST = f"POST {POD}/binding"
GET = f"GET {POD}"


def pod(node: str = "", uid: str = "u1", **metadata: Any) -> Answer:
    spec = {"nodeName": node} if node else {}
    return ok({"metadata": {"name": "web", "namespace": "default", "uid": uid} | metadata, "spec": spec})


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


async def bind_web(client: ApiClient) -> BindOutcome:
    return await bind(client, "default", "web", "u1", "arm-1", draw=lambda: 0.0, sleep=no_sleep)


async def test_a_binding_names_the_pod_its_uid_and_the_node(server: ScriptedServer, client: ApiClient) -> None:
    server.script(POST, ok({"kind": "Status", "status": "Success"}, status=201))
    assert await bind_web(client) == BindOutcome(BindResult.BOUND)
    assert server.received[0].json == {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"namespace": "default", "name": "web", "uid": "u1"},
        "target": {"kind": "Node", "name": "arm-1"},
    }


ALREADY = refused(409, "Conflict", "Operation cannot be fulfilled on pods/binding")
CREATED = ok({}, status=201)


@pytest.mark.parametrize(
    ("posts", "gets", "expected", "message"),
    [
        # A conflict is settled by where the pod is.
        ([ALREADY], [pod("arm-1")], "bound", ""),
        ([ALREADY], [pod("x86-1")], "conflict", "already assigned to node x86-1"),
        ([ALREADY], [pod(uid="u2")], "gone", "a new pod has taken its name"),
        ([ALREADY], [pod(deletionTimestamp="2026-01-01T00:00:00Z")], "gone", "being deleted"),
        ([ALREADY], [refused(404, "NotFound", "pods not found")], "gone", "pods not found"),
        ([ALREADY], [pod()], "failed", "Operation cannot be fulfilled"),
        # An answer that was lost after the binding took effect.
        ([dropped], [pod("arm-1")], "bound", ""),
        ([silent], [pod("arm-1")], "bound", ""),
        ([refused(500, "InternalError")], [pod("arm-1")], "bound", ""),
        ([refused(504, "Timeout")], [pod("x86-1")], "conflict", "x86-1"),
        # An answer that was lost before it took effect: the same binding again.
        ([dropped, CREATED], [pod()], "bound", ""),
        ([refused(500, "InternalError"), CREATED], [pod()], "bound", ""),
        ([refused(500, "InternalError", "etcd is away")] * 4, [pod()] * 4, "failed", "etcd is away"),
        # It took effect only after it was read; then our own repetition conflicts.
        ([refused(500), ALREADY], [pod(), pod("arm-1")], "bound", ""),
        # The server cannot even be asked for a while. (The HTTP library repeats a GET once.)
        ([dropped], [dropped, dropped, refused(503), refused(429), pod("arm-1")], "bound", ""),
        ([dropped], [refused(403, "Forbidden", "cannot get")], "failed", "the outcome is unknown"),
        # Certain refusals need no reading.
        ([refused(404, "NotFound", "pods not found")], [], "gone", "pods not found"),
        ([refused(403, "Forbidden", "cannot create pods/binding")], [], "failed", "cannot create pods/binding"),
        ([refused(422, "Invalid", "is invalid")], [], "failed", "is invalid"),
        ([refused(429, "TooManyRequests", Retry_After="0"), CREATED], [], "bound", ""),
        ([refused(429, "TooManyRequests", "slow down")] * 4, [], "failed", "slow down"),
    ],
)
async def test_the_outcome_is_what_the_api_server_has(
    server: ScriptedServer, client: ApiClient, posts: list[Answer], gets: list[Answer], expected: str, message: str
) -> None:
    server.script(POST, *posts)
    server.script(GET, *gets)
    outcome = await bind_web(client)
    assert outcome.result == expected
    assert message in outcome.message
    assert len(server.requests(POST)) == len(posts)
    assert len(server.requests(GET)) == len(gets)


async def test_a_server_that_was_not_reached_is_tried_again_without_reading() -> None:
    async with ScriptedServer() as placeholder:
        port = placeholder.port
    client = ApiClient(f"http://127.0.0.1:{port}")
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    outcome = await bind(client, "default", "web", "u1", "arm-1", draw=lambda: 0.0, sleep=sleep)
    assert outcome.result is BindResult.FAILED
    assert f"cannot reach the API server http://127.0.0.1:{port}: Connection refused" in outcome.message
    assert [round(delay, 4) for delay in delays] == [0.01, 0.05, 0.25]
    await client.close()


class FaultyCluster(ApiClient):
    """One pod, another scheduler, and a network that loses requests and answers as ``faults`` says."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("http://unused")
        self.faults = faults
        self.node = ""
        self.uid = "u1"

    async def post(self, path: str, body: bytes) -> bytes:
        fault = self._next_fault()
        if fault == "refused connection":
            raise Unreachable("refused", sent=False)
        if fault == "throttled":
            raise TooManyRequests("slow down", status=429)
        if fault == "lost request":
            raise Unreachable("cut", sent=True)
        if self.uid != "u1":
            raise NotFound("gone", status=404)
        if self.node:
            raise Conflict("already assigned", status=409)
        self.node = msgspec.json.decode(body)["target"]["name"]
        if fault == "lost answer":
            raise Unreachable("cut", sent=True)
        if fault == "error after effect":
            raise ServerError("etcd timed out", status=500)
        return b"{}"

    async def get(self, path: str, type_: type[Any], **query: str | int) -> Any:
        fault = self._next_fault()
        if fault in {"lost request", "lost answer", "refused connection"}:
            raise Unreachable("cut", sent=True)
        metadata = {"name": "web", "uid": self.uid}
        return msgspec.convert({"metadata": metadata, "spec": {"nodeName": self.node}}, type_)

    def _next_fault(self) -> str:
        fault = self.faults.pop() if self.faults else ""
        if fault == "another scheduler" and not self.node:
            self.node = "elsewhere"
        if fault == "recreated":
            self.node, self.uid = "", "u2"
        return fault


FAULTS = [
    "refused connection",
    "throttled",
    "lost request",
    "lost answer",
    "error after effect",
    "another scheduler",
    "recreated",
    "",
]


@given(st.lists(st.sampled_from(FAULTS), max_size=12))
@settings(max_examples=300)
async def test_no_outcome_contradicts_the_api_server(faults: list[str]) -> None:
    cluster = FaultyCluster(list(faults))
    outcome = await bind_web(cluster)
    truth = {
        BindResult.BOUND: cluster.node == "arm-1",
        BindResult.CONFLICT: cluster.node == "elsewhere",
        BindResult.GONE: cluster.uid != "u1",
        BindResult.FAILED: cluster.node == "",
    }
    assert truth[outcome.result], (faults, outcome)


async def test_a_bind_in_doubt_can_be_cancelled(server: ScriptedServer, client: ApiClient) -> None:
    server.script(POST, dropped)
    server.always(GET, refused(503))
    task = asyncio.create_task(bind_web(client))
    await until(lambda: len(server.requests(GET)) > 5)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503])
async def test_no_refusal_escapes_as_an_exception(server: ScriptedServer, client: ApiClient, code: int) -> None:
    server.always(POST, refused(code))
    server.always(GET, refused(404))
    assert (await bind_web(client)).result in {BindResult.GONE, BindResult.FAILED}
