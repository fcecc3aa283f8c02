"""HTTP requests to the API server.

Owns the form of a request (Authorization, content types, timeouts) and turns answers into values or ``errors``; the
connections are ``pool``'s. Repeats a request only after a 401, with fresh credentials; the HTTP library repeats GET,
PUT and DELETE once when a kept connection turns out to be cut. What else may be repeated is known to the callers
(``retrying``, ``reflector``, ``binding``).
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from scheduler.kube.credentials import Credentials, FixedCredentials
from scheduler.kube.errors import MalformedAnswer, NotLeading, error_from_status, unreachable
from scheduler.kube.lines import split_lines
from scheduler.kube.pool import ConnectionPool, Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

T = TypeVar("T")

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"


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
    """How long an unused connection stays open."""

    longest_line: int = 32 * 2**20
    """Bytes of one watch event. etcd takes objects of about 1.5 MiB; past this the connection is given up."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: URL
    body: bytes | None
    content_type: str
    timeout: aiohttp.ClientTimeout


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
        self._pool = ConnectionPool(self._endpoint, self._settings.connections, self._settings.keep_alive)
        self._certificates = self._credentials.certificates
        self._call_timeout = self._timeout(total=self._settings.timeout)
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
        timeout = self._call_timeout if seconds is None else self._timeout(total=seconds)
        request = _Request(method, self._url(path, query), body, content_type, timeout)
        try:
            response = await self._answer(request, stream=False)
            async with response:
                return await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(error, timeout.total or 0) from error

    async def stream(
        self, path: str, *, query: Mapping[str, str | int] | None = None, idle_seconds: float = 300.0
    ) -> AsyncGenerator[bytes, None]:
        """The lines of an answer that ends when the server wants.

        Raises Silent when nothing comes for ``idle_seconds``, and Unreachable for a cut connection; what was received
        of an unfinished line is dropped.
        """
        timeout = self._timeout(silence=idle_seconds)
        request = _Request("GET", self._url(path, query), None, JSON, timeout)
        try:
            response = await self._answer(request, stream=True)
            async with response:
                async for line in split_lines(response.content.iter_any(), self._settings.longest_line):
                    yield line
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(error, idle_seconds) from error

    async def close(self) -> None:
        """Close all connections; requests under way fail. May be called twice."""
        await self._pool.close()

    async def _answer(self, request: _Request, *, stream: bool) -> aiohttp.ClientResponse:
        """An answer that grants the request, its body unread; raises the ApiError of any other."""
        authorization = await self._credentials.authorization()
        response = await self._send(request, authorization, stream=stream)
        if response.status == 401 and await self._renewed(authorization):
            response.release()
            response = await self._send(request, await self._credentials.authorization(), stream=stream)
        if response.status < 300:
            return response
        async with response:
            body = await response.read()
        raise error_from_status(body, http_status=response.status, retry_after=response.headers.get("Retry-After"))

    async def _send(self, request: _Request, authorization: str | None, *, stream: bool) -> aiohttp.ClientResponse:
        if self._credentials.certificates != self._certificates:
            self._certificates = self._credentials.certificates
            self._pool.renew()
        if request.method != "GET" and not self._may_write():
            raise NotLeading("not sent, because this scheduler does not lead")
        session = self._pool.streams if stream else self._pool.calls
        headers = {} if authorization is None else {"Authorization": authorization}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return await session.request(
            request.method,
            request.url,
            data=request.body,
            headers=headers,
            timeout=request.timeout,
            server_hostname=self._endpoint.tls_server_name,
            allow_redirects=False,  # the Authorization header is for this server alone
        )

    async def _renewed(self, authorization: str | None) -> bool:
        """Whether there is a new token or certificate since ``authorization`` was refused."""
        certificates = self._credentials.certificates
        self._credentials.rejected(authorization)
        return (
            await self._credentials.authorization() != authorization or self._credentials.certificates != certificates
        )

    def _timeout(self, *, total: float | None = None, silence: float | None = None) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=total, sock_connect=self._settings.connect_timeout, sock_read=silence)

    def _url(self, path: str, query: Mapping[str, str | int] | None) -> URL:
        text = self._base + path
        return URL(f"{text}?{urlencode(query)}" if query else text, encoded=True)
