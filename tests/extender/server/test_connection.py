"""One connection: HTTP as callers speak it, and what is done about callers that do not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from extender.server.connection import MAX_HEAD
from extender.server.large_body import LARGE
from extender.server.listener import Listener, ListenerSettings
from extender.server.messages import Request, Response, text
from tests.kube.pki import Authority

LIMIT = 1_000_000


class Served:
    """A listener on the loopback whose handler the test can hold back."""

    def __init__(self, **settings: Any) -> None:
        defaults: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 0,
            "max_body": LIMIT,
            "max_connections": 8,
            "request_seconds": 0.3,
            "idle_seconds": 30.0,
        }
        self.refused: list[int] = []
        self.requests: list[Request] = []
        self.release = asyncio.Event()
        self.listener = Listener(
            ListenerSettings(**{**defaults, **settings}), self._answer, on_refused=self.refused.append
        )
        self.port = 0

    def _answer(self, request: Request) -> Response | Awaitable[Response]:
        self.requests.append(request)
        if request.path == b"/later":
            return self._later(request)
        if request.path == b"/fault":
            raise RuntimeError("on purpose")
        if request.path == b"/large":
            return text(200, "x" * 20_000_000)
        return Response(200, request.body or b"{}")

    async def _later(self, request: Request) -> Response:
        await self.release.wait()
        return Response(200, b"later " + request.body)

    async def say(self, data: bytes, *, until_closed: bool = False) -> bytes:
        """What comes back for these bytes on a connection of their own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        async with asyncio.timeout(10):
            answer = await (reader.read(-1) if until_closed else one_answer(reader))
        writer.close()
        return answer


async def one_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(
        next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split(b":")[1]
    )
    return head + await reader.readexactly(length)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not within 10 s")


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: Any) -> Served:
            served = Served(**settings)
            served.port = await served.listener.start()
            stack.push_async_callback(served.listener.stop, 0.1)
            return served

        yield start


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_requests_share_a_connection(serve: Serve) -> None:
    served = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for number in range(3):
        writer.write(post("/filter?x=1", b"body %d" % number))
        answer = await one_answer(reader)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        assert answer.endswith(b"body %d" % number)
    assert served.requests[0] == Request(b"POST", b"/filter", b"body 0")
    writer.close()


async def test_a_body_may_come_byte_by_byte_or_in_chunks(serve: Serve) -> None:
    served = await serve(request_seconds=5.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for byte in post("/filter", b"slow"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await one_answer(reader)).endswith(b"slow")
    writer.write(b"POST /filter HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert (await one_answer(reader)).endswith(b"abcde")
    writer.close()


BIG = bytes(range(256)) * 2_000


@pytest.mark.parametrize("piece", [LARGE // 3, LARGE * 2, len(BIG)])
async def test_a_large_body_is_read_in_place_and_what_follows_is_another_request(serve: Serve, piece: int) -> None:
    served = await serve(request_seconds=5.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    sent = post("/filter", BIG) + post("/filter?again", BIG[::-1], "Connection: keep-alive") + post("/filter", b"small")
    for start in range(0, len(sent), piece):
        writer.write(sent[start : start + piece])
        await writer.drain()
        await asyncio.sleep(0)
    for expected in (BIG, BIG[::-1], b"small"):
        assert (await one_answer(reader)).endswith(b"\r\n\r\n" + expected)
    assert [type(request.body) for request in served.requests[:1]] == [bytearray]
    assert [request.path for request in served.requests] == [b"/filter"] * 3
    writer.close()


async def test_a_large_body_that_asks_for_the_end_gets_it(serve: Serve) -> None:
    served = await serve(request_seconds=5.0)
    answer = await served.say(post("/filter", BIG, "Connection: close"), until_closed=True)
    assert b"Connection: close\r\n" in answer
    assert answer.endswith(BIG)


async def test_a_large_body_that_never_ends_is_told_so_and_forgotten(serve: Serve) -> None:
    served = await serve()
    answer = await served.say(post("/filter", BIG)[:-1], until_closed=True)
    assert answer.startswith(b"HTTP/1.1 408 ")
    await until(lambda: len(served.listener) == 0)
    assert served.listener.buffered == 0


async def test_a_caller_that_hangs_up_within_a_large_body_leaves_nothing_behind(serve: Serve) -> None:
    served = await serve(request_seconds=5.0)
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(post("/filter", BIG)[: len(BIG) // 2])
    await until(lambda: served.listener.buffered > LARGE)
    writer.close()
    await until(lambda: len(served.listener) == 0)
    assert served.listener.buffered == 0


async def test_large_bodies_come_through_tls(tmp_path: Path) -> None:
    authority = Authority("servers")
    certificate, key = authority.issue("extender")
    for name, pem in (("tls.crt", certificate), ("tls.key", key), ("ca.crt", authority.pem)):
        (tmp_path / name).write_bytes(pem)
    served = Served(request_seconds=5.0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    settings = ListenerSettings("127.0.0.1", 0, LIMIT, 8, 5.0, 30.0)
    listener = Listener(settings, served._answer, tls=context)
    port = await listener.start()
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    for body in (BIG, b"small", BIG):
        writer.write(post("/filter", body))
        assert (await asyncio.wait_for(one_answer(reader), 10)).endswith(body)
    writer.close()
    await listener.stop(0.1)


async def test_answers_come_in_the_order_of_the_requests(serve: Serve) -> None:
    served = await serve(request_seconds=5.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(post("/later", b"one") + post("/filter", b"two"))
    await asyncio.sleep(0.05)
    assert [request.path for request in served.requests] == [b"/later"]
    served.release.set()
    assert (await one_answer(reader)).endswith(b"later one")
    assert (await one_answer(reader)).endswith(b"two")
    writer.close()


async def test_a_caller_that_waits_for_leave_to_send_gets_it(serve: Serve) -> None:
    served = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(post("/filter", b"x", "Expect: 100-continue")[:-1])
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"x")
    assert (await one_answer(reader)).endswith(b"x")
    writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET\r\n\r\n", 400),
        (b"POST /filter HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /filter HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /filter HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n", 413),
        (b"POST /filter HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST /filter HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"80000\r\n" + b"x" * 2**19 + b"\r\n" +
         b"80000\r\n" + b"x" * 2**19, 413),
        (b"POST /" + b"x" * 20 * MAX_HEAD, 431),
        (b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 4 * MAX_HEAD, 431),
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_the_connection_closed(serve: Serve, sent: bytes, status: int) -> None:
    served = await serve()
    answer = await served.say(sent, until_closed=True)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close\r\n" in answer
    assert served.refused == [status]
    assert (await served.say(post("/filter", b"next"))).endswith(b"next")


async def test_a_caller_that_never_ends_its_request_is_told_so_and_holds_up_nobody(serve: Serve) -> None:
    served = await serve()
    stuck = [asyncio.create_task(served.say(post("/filter", b"x" * 99)[:-cut], until_closed=True)) for cut in (1, 140)]
    assert (await served.say(post("/filter", b"quick"))).endswith(b"quick")
    for answer in await asyncio.gather(*stuck):
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_caller_that_does_not_take_its_answer_is_cut_off(serve: Serve) -> None:
    served = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    writer.write(post("/large", b""))
    await until(lambda: len(served.listener) == 1)
    await until(lambda: len(served.listener) == 0)
    assert reader.at_eof() or len(await reader.read(1024)) <= 1024
    writer.close()


async def test_no_more_is_read_while_an_answer_is_made(serve: Serve) -> None:
    """Else a caller could fill the memory with requests that nobody has had time for."""
    served = await serve(request_seconds=5.0)
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(post("/later", b""))
    await asyncio.sleep(0.05)
    flood = post("/filter", b"x" * 100_000) * 400
    writer.write(flood)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.drain(), 0.3)
    writer.transport.abort()


async def test_too_many_requests_in_one_go_are_refused(serve: Serve) -> None:
    served = await serve(request_seconds=5.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(post("/later", b"") + post("/filter", b"") * 40)
    await asyncio.sleep(0.1)
    assert served.refused == [429]
    assert (await asyncio.wait_for(reader.read(-1), 5)).startswith(b"HTTP/1.1 429 ")
    writer.close()


async def test_a_fault_costs_one_request(serve: Serve) -> None:
    served = await serve()
    assert (await served.say(post("/fault", b""))).startswith(b"HTTP/1.1 500 ")
    assert (await served.say(post("/filter", b"next"))).endswith(b"next")


async def test_a_caller_that_asks_for_the_end_gets_it(serve: Serve) -> None:
    served = await serve()
    for sent in (post("/filter", b"x", "Connection: close"), b"POST /filter HTTP/1.0\r\nContent-Length: 1\r\n\r\nx"):
        answer = await served.say(sent, until_closed=True)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close\r\n" in answer


async def test_a_caller_that_hangs_up_while_it_is_answered_leaves_nothing_behind(serve: Serve) -> None:
    served = await serve()
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(post("/later", b""))
    await until(lambda: bool(served.requests))
    writer.transport.abort()
    served.release.set()
    await until(lambda: len(served.listener) == 0)
    assert (await served.say(post("/filter", b"next"))).endswith(b"next")


async def test_connections_are_counted_and_bounded(serve: Serve) -> None:
    served = await serve(max_connections=2)
    writers = [(await asyncio.open_connection("127.0.0.1", served.port))[1] for _ in range(2)]
    await asyncio.sleep(0.05)
    assert len(served.listener) == 2
    assert await served.say(b"", until_closed=True) == b""
    assert served.refused == [503]
    for writer in writers:
        writer.close()


async def test_idle_connections_end(serve: Serve) -> None:
    served = await serve(idle_seconds=0.1)
    assert (await served.say(post("/filter", b"x"), until_closed=True)).endswith(b"x")


async def test_draining_answers_and_asks_to_reconnect_elsewhere(serve: Serve) -> None:
    served = await serve(request_seconds=5.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(post("/filter", b"one"))
    assert b"Connection: close" not in await one_answer(reader)
    served.listener.drain()
    writer.write(post("/filter", b"two"))
    answer = await reader.read(-1)
    assert b"Connection: close" in answer
    assert answer.endswith(b"two")
    assert (await served.say(post("/filter", b"new"), until_closed=True)).endswith(b"new")
    writer.close()


async def test_stopping_waits_for_answers_under_way_and_cuts_the_rest(serve: Serve) -> None:
    served = await serve(request_seconds=5.0)
    waiting = asyncio.create_task(served.say(post("/later", b"x"), until_closed=True))
    stuck = asyncio.create_task(served.say(post("/filter", b"x")[:-1], until_closed=True))
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(served.listener.stop(0.5))
    await asyncio.sleep(0.05)
    served.release.set()
    assert (await waiting).endswith(b"later x")
    await stopping
    with contextlib.suppress(ConnectionError):
        assert await stuck == b""
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the platform
        await served.say(post("/filter", b"x"))
