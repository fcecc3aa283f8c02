"""Connections that are kept, cut, shared, tunnelled and misused: against real sockets."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from scheduler.kube.certificates import tls_context
from scheduler.kube.errors import Unreachable
from scheduler.kube.exchange import Exchange
from scheduler.kube.pool import Endpoint
from scheduler.kube.requests import ApiClient, RequestSettings
from tests.kube.pki import Authority
from tests.kube.recorder import until
from tests.kube.scripted_server import ScriptedServer, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


class Peer:
    """Answers each request with the next of ``answers``: bytes, ``None`` for a cut, or an event to wait for first."""

    def __init__(self, *answers: bytes | asyncio.Event | None) -> None:
        self.answers = deque(answers)
        self.requests: list[tuple[int, bytes]] = []
        """Number of the connection, head of the request."""
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.partition(b"Content-Length: ")[2].partition(b"\r")[0]
                await reader.readexactly(int(length or 0))
                self.requests.append((number, head))
                answer = self.answers.popleft()
                if isinstance(answer, asyncio.Event):
                    await answer.wait()
                    answer = self.answers.popleft()
                if answer is None:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(peer: Peer, **limits: float) -> AsyncIterator[ApiClient]:
    """A client of the peer, with two connections unless told otherwise."""
    async with await asyncio.start_server(peer.serve, "127.0.0.1", 0) as server:
        peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = RequestSettings(**{"connections": 2, "timeout": 5.0} | limits)  # type: ignore[arg-type]
        client = ApiClient(peer.url, settings=settings)
        try:
            yield client
        finally:
            await client.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_may_be_repeated_is_repeated_once_when_a_kept_connection_turns_out_to_be_cut(method: str) -> None:
    peer = Peer(FINE, None, FINE)
    async with serving(peer) as client:
        await client.request("GET", "/x")
        assert await client.request(method, "/x") == b"fine"
    assert [number for number, _ in peer.requests] == [1, 1, 2]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_not_be_repeated_is_in_doubt_when_a_kept_connection_turns_out_to_be_cut(method: str) -> None:
    peer = Peer(FINE, None, FINE)
    async with serving(peer) as client:
        await client.request("GET", "/x")
        with pytest.raises(Unreachable, match="cut") as caught:
            await client.request(method, "/x", body=b"{}")
        assert caught.value.sent
    assert len(peer.requests) == 2


async def test_a_cut_new_connection_is_the_callers_business() -> None:
    peer = Peer(None, FINE)
    async with serving(peer) as client:
        with pytest.raises(Unreachable):
            await client.request("GET", "/x")
    assert len(peer.requests) == 1


async def test_connections_that_were_cut_are_gone_without_a_search_for_circles() -> None:
    """Such searches are seldom (``loops.garbage``), and an API server that cuts many connections is in trouble."""
    peer = Peer(*[None] * 20)
    async with serving(peer) as client:
        gc.collect()  # what other tests left
        gc.disable()
        try:
            for _ in range(20):
                with suppress(Unreachable):  # ``pytest.raises`` makes circles itself
                    await client.request("POST", "/x", body=b"{}")
            await asyncio.sleep(0.1)
            left = [thing for thing in gc.get_objects() if isinstance(thing, Exchange)]
        finally:
            gc.enable()
    assert peer.connections == 20
    assert not left


async def test_an_answer_cut_short_is_none() -> None:
    peer = Peer(FINE, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", FINE)
    async with serving(peer, timeout=0.2) as client:
        await client.request("GET", "/x")
        with pytest.raises(Unreachable):
            await client.request("GET", "/x")
    assert len(peer.requests) == 2


async def test_the_answer_to_a_call_that_was_given_up_is_never_taken_for_another_ones() -> None:
    late = asyncio.Event()
    peer = Peer(late, FINE.replace(b"fine", b"late"), FINE)
    async with serving(peer, connections=1) as client:
        given_up = asyncio.create_task(client.request("GET", "/slow"))
        await until(lambda: peer.requests)
        given_up.cancel()
        await asyncio.wait([given_up])
        late.set()
        await until(lambda: len(peer.answers) == 1)
        assert await client.request("GET", "/x") == b"fine"
    assert [number for number, _ in peer.requests] == [1, 2]


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    peer = Peer(FINE + FINE.replace(b"fine", b"more"), FINE)
    async with serving(peer) as client:
        assert await client.request("GET", "/x") == b"fine"
        assert await client.request("GET", "/x") == b"fine"
    assert [number for number, _ in peer.requests] == [1, 2]


async def test_a_call_that_finds_no_free_connection_in_time_was_surely_not_sent() -> None:
    never = asyncio.Event()
    peer = Peer(never, FINE)
    async with serving(peer, connections=1) as client:
        busy = asyncio.create_task(client.request("GET", "/slow"))
        await until(lambda: peer.requests)
        with pytest.raises(Unreachable, match="free") as caught:
            await client.request("POST", "/x", body=b"{}", seconds=0.05)
        assert not caught.value.sent
        never.set()
        assert await busy == b"fine"
    assert len(peer.requests) == 1


async def test_calls_are_made_in_their_order_and_one_that_is_given_up_keeps_no_other_waiting() -> None:
    go_on = asyncio.Event()
    peer = Peer(go_on, FINE, FINE, FINE)
    async with serving(peer, connections=1) as client:
        first, second, third, fourth = (
            asyncio.create_task(client.request("GET", f"/{name}")) for name in ("first", "second", "third", "fourth")
        )
        await until(lambda: peer.requests)
        second.cancel()
        go_on.set()
        assert await asyncio.gather(first, third, fourth) == [b"fine"] * 3
    assert [head.split()[1] for _, head in peer.requests] == [b"/first", b"/third", b"/fourth"]


async def test_a_connection_that_the_server_ends_or_that_is_old_is_not_used_again() -> None:
    closing = FINE.replace(b"Content", b"Connection: close\r\nContent")
    peer = Peer(closing, FINE, FINE)
    async with serving(peer, keep_alive=0.05) as client:
        await client.request("GET", "/x")
        await client.request("GET", "/x")
        await asyncio.sleep(0.06)
        await client.request("GET", "/x")
    assert [number for number, _ in peer.requests] == [1, 2, 3]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfin\r\n1\r\ne\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + FINE,
    ],
    ids=["in chunks", "after a go-on"],
)
async def test_an_answer_of_any_form_is_whole(answer: bytes) -> None:
    peer = Peer(answer, answer)
    async with serving(peer) as client:
        assert await client.request("GET", "/x") == b"fine"
        assert await client.request("GET", "/x") == b"fine"
    assert peer.connections == 1


@pytest.mark.parametrize("name", ["a b", "a\r\nX: y", "ä"])
async def test_what_would_break_out_of_a_request_is_not_sent(name: str) -> None:
    peer = Peer()
    async with serving(peer) as client:
        with pytest.raises(ValueError, match="cannot be asked for"):
            await client.request("GET", f"/api/v1/nodes/{name}")
    assert peer.connections == 0


async def test_a_stream_that_nobody_reads_makes_the_server_wait() -> None:
    written = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        line = b"x" * 9_999 + b"\n"
        for _ in range(5_000):
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await writer.drain()
            written += 1
        writer.write(b"0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        client = ApiClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with aclosing(client.stream("/x")) as lines:
            await anext(lines)
            await asyncio.sleep(0.2)
            assert written < 4_000
            seen = 1
            async for line in lines:
                seen += len(line) == 9_999
        await client.close()
    assert seen == 5_000


class Proxy:
    """Answers CONNECT with ``greeting`` and then passes bytes on to ``target``."""

    def __init__(self, target: int, greeting: bytes) -> None:
        self._target = target
        self._greeting = greeting
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self._greeting)
        if b" 200 " in self._greeting:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        writer.close()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
    sink.close()


@asynccontextmanager
async def behind_a_proxy(tmp_path: Path, greeting: bytes) -> AsyncIterator[tuple[ApiClient, Proxy]]:
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    async with ScriptedServer(authority.server_context(tmp_path)) as server:
        server.always("GET /x", ok({"fine": 1}))
        proxy = Proxy(server.port, greeting)
        async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as listening:
            address = f"http://us:s%40fe@127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            endpoint = Endpoint(server.url, tls_context(tmp_path / "ca.crt"), proxy=address)
            client = ApiClient(endpoint, settings=RequestSettings(timeout=5.0))
            yield client, proxy
            await client.close()


async def test_tls_goes_through_a_proxy_that_cannot_read_it(tmp_path: Path) -> None:
    async with behind_a_proxy(tmp_path, b"HTTP/1.1 200 Connection established\r\n\r\n") as (client, proxy):
        assert await client.request("GET", "/x") == b'{"fine":1}'
        assert await client.request("GET", "/x") == b'{"fine":1}'
    assert len(proxy.asked) == 1
    assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:")
    assert b"\r\nProxy-Authorization: Basic dXM6c0BmZQ==\r\n" in proxy.asked[0]


async def test_a_proxy_that_refuses_is_named_as_the_reason(tmp_path: Path) -> None:
    greeting = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    async with behind_a_proxy(tmp_path, greeting) as (client, _):
        with pytest.raises(Unreachable, match=r"its proxy refuses: HTTP/1\.1 407") as caught:
            await client.request("POST", "/x", body=b"{}")
        assert not caught.value.sent
