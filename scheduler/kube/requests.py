"""HTTP requests to the API server.

Owns the form of a request (its head, Authorization, content types, timeouts) and turns answers into values or
``errors``; the connections are ``pool``'s, what goes over them is ``exchange``'s. Repeats a request after a 401, with
fresh credentials, and GET, PUT and DELETE once when a kept connection turns out to be cut. What else may be repeated is
known to the callers (``retrying``, ``reflector``, ``binding``).
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from scheduler.kube.credentials import Credentials, FixedCredentials
from scheduler.kube.errors import MalformedAnswer, NotLeading, Silent, Unreachable, error_from_status
from scheduler.kube.exchange import Deadline
from scheduler.kube.lines import split_lines
from scheduler.kube.pool import ConnectionPool, Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from scheduler.kube.exchange import Answer, Exchange

T = TypeVar("T")

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"

_HEADERS = (
    "User-Agent: multiarch-scheduler\r\n"
    "Accept: application/json\r\n"
    # A list costs more to decompress than to carry over a cluster's network.
    "Accept-Encoding: identity\r\n"
)
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})


@dataclasses.dataclass(frozen=True, slots=True)
class RequestSettings:
    """Limits of the client. All times in seconds."""

    connections: int = 32
    """Connections kept open for calls; more calls than that wait for one. Watches have connections of their own."""

    connect_timeout: float = 10.0
    """For the connection alone, TLS included."""

    timeout: float = 30.0
    """For a whole call, waiting for a free connection included."""

    keep_alive: float = 60.0
    """For how long an unused connection may be used again."""

    longest_line: int = 32 * 2**20
    """Bytes of one watch event. etcd takes objects of about 1.5 MiB; past this the connection is given up."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    body: bytes | None
    content_type: str
    deadline: Deadline


class ApiClient:
    """The API server as a place to send requests to.

    Paths start with ``/`` and must be fit for a URL already, as names of objects are. All methods raise ApiError and
    nothing else. Usable before the server is up; ``close`` ends it for good.
    """

    def __init__(
        self,
        endpoint: Endpoint | str,
        credentials: Credentials | None = None,
        settings: RequestSettings | None = None,
    ) -> None:
        self._endpoint = Endpoint(endpoint) if isinstance(endpoint, str) else endpoint
        self._base = self._endpoint.server.rstrip("/")
        self._credentials = credentials or FixedCredentials()
        self._settings = settings or RequestSettings()
        limits = self._settings
        self._pool = ConnectionPool(self._endpoint, limits.connections, limits.keep_alive, limits.connect_timeout)
        self._certificates = self._credentials.certificates
        server = urlsplit(self._base)
        self._prefix = self._base if self._pool.is_plain_proxy else server.path
        proxy = self._pool.proxy_authorization if self._pool.is_plain_proxy else None
        self._headers = f"Host: {server.netloc}\r\n{_HEADERS}" + (f"Proxy-Authorization: {proxy}\r\n" if proxy else "")
        self._may_write: Callable[[], bool] = lambda: True

    def apart(self, connections: int) -> ApiClient:
        """Another client of the same server, with connections of its own: no other request is ever waited for."""
        return ApiClient(
            self._endpoint, self._credentials, dataclasses.replace(self._settings, connections=connections)
        )

    def writing_while(self, leading: Callable[[], bool]) -> ApiClient:
        """This client, on the same connections, but what is no GET raises NotLeading unless ``leading`` says yes.

        That is asked as late as possible: right before the request is given to a connection.
        """
        guarded = copy.copy(self)
        guarded._may_write = leading
        return guarded

    @property
    def server(self) -> str:
        """The server's URL, for messages."""
        return self._base

    async def get(self, path: str, type_: type[T], **query: str | int) -> T:
        """The object at ``path``, decoded as ``type_``."""
        body = await self.request("GET", path, query=query)
        try:
            return msgspec.json.decode(body, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedAnswer(f"GET {path}: {error}") from error

    async def post(self, path: str, body: bytes) -> bytes:
        """Create. The answer is left encoded: most callers do not need it."""
        return await self.request("POST", path, body=body)

    async def put(self, path: str, body: bytes) -> bytes:
        """Replace."""
        return await self.request("PUT", path, body=body)

    async def patch(self, path: str, body: bytes, content_type: str = STRATEGIC_MERGE_PATCH) -> bytes:
        """Change in part."""
        return await self.request("PATCH", path, body=body, content_type=content_type)

    async def delete(self, path: str, body: bytes | None = None) -> bytes:
        """Delete; ``body`` is a DeleteOptions, for instance with preconditions."""
        return await self.request("DELETE", path, body=body)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        seconds: float | None = None,
    ) -> bytes:
        """The answer's body. ``seconds`` bounds the whole call, by default as the settings say."""
        request = self._request(method, path, query, body, content_type, seconds or self._settings.timeout)
        return (await self._granted(lambda authorization: self._call(request, authorization))).body

    async def stream(
        self, path: str, *, query: Mapping[str, str | int] | None = None, idle_seconds: float = 300.0
    ) -> AsyncGenerator[bytes, None]:
        """The lines of an answer that ends when the server wants.

        Raises Silent when nothing comes for ``idle_seconds``, and Unreachable for a cut connection; what was received
        of an unfinished line is dropped.
        """
        request = self._request("GET", path, query, None, JSON, idle_seconds)
        opened: list[Exchange] = []

        async def open_one(authorization: str | None) -> Answer:
            opened.append(await self._pool.begin(request.deadline))
            return await _opened(opened[-1], request, self._encoded(request, authorization))

        try:
            await self._granted(open_one)
            async for line in split_lines(opened[-1].chunks(idle_seconds), self._settings.longest_line):
                yield line
        finally:
            for exchange in opened:
                self._pool.end(exchange)

    async def close(self) -> None:
        """Close all connections; requests under way fail. May be called twice."""
        self._pool.close()

    async def _granted(self, send: Callable[[str | None], Awaitable[Answer]]) -> Answer:
        """The answer to what ``send`` sends with an Authorization. Raises the ApiError of one that refuses."""
        authorization = await self._credentials.authorization()
        self._follow_certificates()
        answer = await send(authorization)
        if answer.status == 401 and await self._renewed(authorization):
            self._follow_certificates()
            answer = await send(await self._credentials.authorization())
        if answer.status < 300:
            return answer
        raise error_from_status(answer.body, http_status=answer.status, retry_after=answer.retry_after)

    async def _call(self, request: _Request, authorization: str | None) -> Answer:
        encoded = self._encoded(request, authorization)
        exchange = await self._pool.borrow(request.deadline)
        try:
            return await self._ask(exchange, request, encoded)
        except Silent:
            raise
        except Unreachable:
            is_stale = exchange.idle_since is not None and not exchange.answered
            if not is_stale or request.method not in _REPEATABLE:
                raise
        finally:
            self._pool.give_back(exchange)
        exchange = await self._pool.borrow(request.deadline, fresh=True)
        try:
            return await self._ask(exchange, request, encoded)
        finally:
            self._pool.give_back(exchange)

    async def _ask(self, exchange: Exchange, request: _Request, encoded: bytes) -> Answer:
        if request.method != "GET" and not self._may_write():
            raise NotLeading("not sent, because this scheduler does not lead")
        return await exchange.ask(encoded, request.deadline)

    def _follow_certificates(self) -> None:
        if self._credentials.certificates != self._certificates:
            self._certificates = self._credentials.certificates
            self._pool.renew()

    async def _renewed(self, authorization: str | None) -> bool:
        """Whether there is a new token or certificate since ``authorization`` was refused."""
        certificates = self._credentials.certificates
        self._credentials.rejected(authorization)
        return (
            await self._credentials.authorization() != authorization or self._credentials.certificates != certificates
        )

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: bytes | None,
        content_type: str,
        seconds: float,
    ) -> _Request:
        target = self._prefix + (f"{path}?{urlencode(query)}" if query else path)
        if not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError(f"{target!r} cannot be asked for")  # it would end the request's first line, or more
        deadline = Deadline(seconds, asyncio.get_running_loop().time() + seconds)
        return _Request(method, target, body, content_type, deadline)

    def _encoded(self, request: _Request, authorization: str | None) -> bytes:
        """As it goes over the wire."""
        head = f"{request.method} {request.target} HTTP/1.1\r\n{self._headers}"
        if authorization is not None:
            head += f"Authorization: {authorization}\r\n"
        if request.body is None:
            return f"{head}\r\n".encode("latin-1")
        head += f"Content-Type: {request.content_type}\r\nContent-Length: {len(request.body)}\r\n\r\n"
        return head.encode("latin-1") + request.body


async def _opened(exchange: Exchange, request: _Request, encoded: bytes) -> Answer:
    """The head of the answer if it grants the request, and the whole of it if not."""
    answer = await exchange.open(encoded, request.deadline)
    if answer.status < 300:
        return answer
    return answer._replace(body=b"".join([chunk async for chunk in exchange.chunks(request.deadline.seconds)]))
