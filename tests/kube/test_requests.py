from __future__ import annotations

import asyncio
import socket
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from scheduler.api.node import Node
from scheduler.kube.credentials import FixedCredentials
from scheduler.kube.errors import (
    ApiError,
    Forbidden,
    MalformedAnswer,
    NotLeading,
    ServerError,
    Silent,
    Unauthorized,
    Unreachable,
)
from scheduler.kube.requests import ApiClient, RequestSettings
from tests.kube.recorder import until
from tests.kube.scripted_server import ScriptedServer, dropped, lines, ok, refused, silent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

NODE = {"kind": "Node", "metadata": {"name": "arm-1", "labels": {"kubernetes.io/arch": "arm64"}}, "unknown": [1]}


async def test_an_object_is_read_as_the_type_that_was_asked_for(server: ScriptedServer, client: ApiClient) -> None:
    server.script("GET /api/v1/nodes/arm-1", ok(NODE))
    node = await client.get("/api/v1/nodes/arm-1", Node, resourceVersion=0)
    assert (node.name, node.metadata.labels) == ("arm-1", {"kubernetes.io/arch": "arm64"})
    assert server.received[0].query == {"resourceVersion": "0"}
    assert server.received[0].headers["Accept"] == "application/json"


async def test_writes_carry_their_body_and_its_type(server: ScriptedServer, client: ApiClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        server.script(f"{method} /x", ok({}))
    await client.post("/x", b"1")
    await client.put("/x", b"2")
    await client.patch("/x", b"3")
    await client.delete("/x")
    assert [(sent.method, sent.body, sent.headers.get("Content-Type")) for sent in server.received] == [
        ("POST", b"1", "application/json"),
        ("PUT", b"2", "application/json"),
        ("PATCH", b"3", "application/strategic-merge-patch+json"),
        ("DELETE", b"", None),
    ]


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b'{"metadata": {"name": 7}}', b'{"metadata": {"na'])
async def test_an_answer_of_another_shape_is_an_error_that_names_the_path(
    server: ScriptedServer, client: ApiClient, body: bytes
) -> None:
    server.script("GET /api/v1/nodes/arm-1", ok(body))
    with pytest.raises(MalformedAnswer, match="GET /api/v1/nodes/arm-1"):
        await client.get("/api/v1/nodes/arm-1", Node)


async def test_a_refusal_is_raised_with_what_the_server_said(server: ScriptedServer, client: ApiClient) -> None:
    server.script("POST /x", refused(403, "Forbidden", "pods is forbidden"))
    server.script("POST /x", refused(503, "ServiceUnavailable", "later", Retry_After="3"))
    with pytest.raises(Forbidden, match="pods is forbidden"):
        await client.post("/x", b"{}")
    with pytest.raises(ServerError) as caught:
        await client.post("/x", b"{}")
    assert caught.value.retry_after == 3.0


async def test_a_redirection_is_not_followed_because_it_would_take_the_token_along(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script("GET /x", refused(302, Location=f"{server.url}/elsewhere"))
    with pytest.raises(ApiError):
        await client.request("GET", "/x")
    assert [request.path for request in server.received] == ["/x"]


async def test_a_server_that_is_not_there_was_surely_not_asked() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = ApiClient(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(Unreachable) as caught:
            await client.post("/x", b"{}")
        await client.close()
    assert not caught.value.sent
    assert "refused" in caught.value.message.lower()


async def test_a_host_name_that_does_not_exist_is_named_as_the_reason() -> None:
    client = ApiClient("http://no-such-host.invalid:6443")
    with pytest.raises(Unreachable, match="host name cannot be resolved"):
        await client.request("GET", "/version")
    await client.close()


async def test_a_cut_connection_leaves_it_open_whether_the_write_happened(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script("POST /x", dropped)
    with pytest.raises(Unreachable, match="connection was cut") as caught:
        await client.post("/x", b"{}")
    assert caught.value.sent


async def test_a_server_that_does_not_answer_is_given_up(server: ScriptedServer, client: ApiClient) -> None:
    server.script("POST /x", silent)
    with pytest.raises(Silent, match=r"no answer within 0\.3 s") as caught:
        await client.post("/x", b"{}")
    assert caught.value.sent


async def test_something_else_behind_the_port_is_recognised() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as other:
        client = ApiClient(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}")
        with pytest.raises(Unreachable, match=r"does not speak HTTP \(.*OpenSSH") as caught:
            await client.request("GET", "/version")
        await client.close()
    assert "\n" not in caught.value.message


async def test_connections_are_kept_and_bounded(server: ScriptedServer) -> None:
    client = ApiClient(server.url, settings=RequestSettings(connections=4))
    server.always("POST /x", ok({}, after=0.002))
    await asyncio.gather(*(client.post("/x", b"{}") for _ in range(60)))
    await client.close()
    assert len(server.received) == 60
    assert len({request.peer_port for request in server.received}) == 4


async def test_watches_take_no_connection_away_from_calls(server: ScriptedServer) -> None:
    client = ApiClient(server.url, settings=RequestSettings(connections=1, timeout=5))
    server.always("GET /stream", lines("first", then="silent"))
    server.always("POST /x", ok({}))
    streams = [client.stream("/stream") for _ in range(8)]
    for stream in streams:
        assert await anext(stream) == b'"first"'
    await client.post("/x", b"{}")
    for stream in streams:
        await stream.aclose()
    await client.close()


class RenewableCredentials:
    """Offers the next token after a refusal."""

    certificates = 0

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)

    async def authorization(self) -> str | None:
        return f"Bearer {self._tokens[0]}"

    def rejected(self, authorization: str | None) -> None:
        if len(self._tokens) > 1 and authorization == f"Bearer {self._tokens[0]}":
            del self._tokens[0]


async def test_a_refused_token_is_renewed_and_the_request_made_again(server: ScriptedServer) -> None:
    client = ApiClient(server.url, RenewableCredentials("old", "new"))
    server.script("POST /x", refused(401, "Unauthorized"), ok({"fine": 1}))
    assert await client.post("/x", b"{}") == b'{"fine":1}'
    assert [request.headers["Authorization"] for request in server.received] == ["Bearer old", "Bearer new"]
    await client.close()


async def test_a_refused_token_without_a_successor_is_not_tried_twice(server: ScriptedServer) -> None:
    client = ApiClient(server.url, RenewableCredentials("only"))
    server.always("POST /x", refused(401, "Unauthorized", "token expired"))
    with pytest.raises(Unauthorized, match="token expired"):
        await client.post("/x", b"{}")
    assert len(server.received) == 1
    await client.close()


async def _all(stream: AsyncGenerator[bytes, None]) -> list[bytes]:
    async with aclosing(stream) as opened:
        return [line async for line in opened]


async def test_a_stream_gives_lines_of_any_length(server: ScriptedServer, client: ApiClient) -> None:
    long = "x" * 3_000_000
    server.script("GET /stream", lines("short", long, "end"))
    assert await _all(client.stream("/stream")) == [b'"short"', f'"{long}"'.encode(), b'"end"']


async def test_a_cut_stream_is_not_taken_for_one_that_ended(server: ScriptedServer, client: ApiClient) -> None:
    server.script("GET /stream", lines("one", b'"half a li', then="cut"))
    async with aclosing(client.stream("/stream")) as stream:
        assert await anext(stream) == b'"one"'
        with pytest.raises(Unreachable, match="cut"):
            await anext(stream)


async def test_a_silent_stream_is_given_up(server: ScriptedServer, client: ApiClient) -> None:
    server.script("GET /stream", lines("one", then="silent"))
    with pytest.raises(Silent, match=r"within 0\.05 s"):
        await _all(client.stream("/stream", idle_seconds=0.05))


async def test_a_refused_stream_says_why(server: ScriptedServer, client: ApiClient) -> None:
    server.script("GET /stream", refused(403, "Forbidden", "cannot watch"))
    with pytest.raises(Forbidden, match="cannot watch"):
        await _all(client.stream("/stream"))


async def test_a_closed_client_sends_nothing_more(server: ScriptedServer, client: ApiClient) -> None:
    server.always("GET /x", ok({}))
    await client.request("GET", "/x")
    await client.close()
    await client.close()
    with pytest.raises(Unreachable, match="closed"):
        await client.request("GET", "/x")
    assert len(server.received) == 1


async def test_a_guarded_client_writes_only_while_it_may_and_reads_always(
    server: ScriptedServer, client: ApiClient
) -> None:
    leading = True
    guarded = client.writing_while(lambda: leading)
    for route in ("GET /x", "POST /x", "PUT /x", "PATCH /x", "DELETE /x"):
        server.always(route, ok({}))
    await guarded.post("/x", b"{}")
    leading = False
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(NotLeading):
            await guarded.request(method, "/x", body=b"{}")
    await guarded.request("GET", "/x")
    await client.post("/x", b"{}")
    assert [received.method for received in server.received] == ["POST", "GET", "POST"]


async def test_a_client_that_was_waiting_for_new_credentials_asks_again_whether_it_may_write(
    server: ScriptedServer,
) -> None:
    answers = iter([True, False])
    client = ApiClient(server.url, RenewableCredentials("old", "new"))
    server.script("POST /x", refused(401, "Unauthorized"), ok({}))
    with pytest.raises(NotLeading):
        await client.writing_while(lambda: next(answers)).post("/x", b"{}")
    assert len(server.received) == 1
    await client.close()


async def test_a_client_apart_does_not_wait_for_the_connections_of_the_other(server: ScriptedServer) -> None:
    client = ApiClient(server.url, FixedCredentials("Bearer t"), RequestSettings(connections=1, timeout=5))
    apart = client.apart(connections=1)
    server.always("GET /x", ok({}))
    async with asyncio.timeout(3):
        busy = asyncio.create_task(client.request("GET", "/silent"))
        await until(lambda: server.received)
        await apart.request("GET", "/x")
    assert server.received[-1].headers["Authorization"] == "Bearer t"
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    await client.close()
    await apart.close()
