"""An HTTP server that says what a test tells it to, faults included, and remembers what it was asked.

Real sockets on the loopback, so that cut connections and silence are real. Answers are given out in their order, per
route; a route whose answers are used up stays silent, as a watch does in which nothing happens.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Self

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclasses.dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    peer_port: int
    """Tells connections apart."""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class ScriptedServer:
    """``script("GET /api/v1/pods", ...)``; a watch of the same path is the route ``"WATCH /api/v1/pods"``."""

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._tls = tls
        self._port = port
        self._answers: dict[str, deque[Answer]] = defaultdict(deque)
        self._always: dict[str, Answer] = {}
        self._runner: web.AppRunner | None = None
        self.received: list[Received] = []
        self.client_certificates: list[dict[str, Any] | None] = []

    def script(self, route: str, *answers: Answer) -> None:
        self._answers[route].extend(answers)

    def always(self, route: str, answer: Answer) -> None:
        """For when the script of the route is used up."""
        self._always[route] = answer

    def requests(self, route: str) -> list[Received]:
        return [
            received for received in self.received if _route(received.method, received.path, received.query) == route
        ]

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        query = dict(request.query)
        self.received.append(
            Received(
                request.method,
                request.path,
                query,
                dict(request.headers),
                await request.read(),
                request.transport.get_extra_info("peername")[1],
            )
        )
        self.client_certificates.append(request.transport.get_extra_info("peercert"))
        route = _route(request.method, request.path, query)
        answers = self._answers[route]
        answer = answers.popleft() if answers else self._always.get(route, silent)
        return await answer(request)


def _route(method: str, path: str, query: dict[str, str]) -> str:
    return f"{'WATCH' if 'watch' in query else method} {path}"


def ok(body: Any = None, *, status: int = 200, after: float = 0.0) -> Answer:
    """``body`` as JSON, or as it is when it is bytes."""
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(after)
        return web.Response(body=encoded, status=status, content_type="application/json")

    return answer


def refused(code: int, reason: str = "", message: str = "no", **headers: str) -> Answer:
    """A Status object."""
    body = status(code, reason, message)

    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=msgspec.json.encode(body), status=code, headers=named, content_type="application/json")

    return answer


def status(code: int, reason: str = "", message: str = "no") -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code, "metadata": {}}


def lines(*parts: Any, then: str = "end") -> Answer:
    """A stream of lines (bytes are sent as they are, without a line end) that is then ended, ``cut`` or ``silent``."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in parts:
            await response.write(part if isinstance(part, bytes) else msgspec.json.encode(part) + b"\n")
        if then == "silent":
            await silent(request)
        if then == "cut":
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("never reached")


async def dropped(request: web.Request) -> web.StreamResponse:
    """The connection is cut instead of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
