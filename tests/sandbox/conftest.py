"""An API server to talk to: the sandbox's, and under `make test-real` the real one as well.

Everything in `protocol/` is asked of both, which is what shows that the sandbox is faithful.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from scheduler.sandbox.api_server import SandboxApiServer
from tests.cluster.control_plane import ControlPlane

JSON = "application/json"
_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back; ``document`` is the JSON, or the text where it is none."""

    status: int
    document: Any
    headers: Mapping[str, str]

    @property
    def reason(self) -> str:
        return str(self.document.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.document.get("message", ""))

    @property
    def causes(self) -> set[tuple[str, str]]:
        """Field and cause type of each fault of a 422."""
        causes = self.document.get("details", {}).get("causes", [])
        return {(cause["field"], cause["reason"]) for cause in causes}

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.document["items"]]


class Events:
    """The events of one watch, as they come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, Any] | None:
        """The next event; None when the watch has ended."""
        line = await asyncio.wait_for(self._response.content.readline(), _SECONDS)
        return json.loads(line) if line else None

    async def take(self, count: int) -> list[str]:
        """The next events as ``"ADDED name"``."""
        taken: list[str] = []
        for _ in range(count):
            event = await self.next()
            assert event is not None, f"the watch ended after {taken}"
            taken.append(_shortly(event))
        return taken

    async def rest(self) -> list[str]:
        """What comes until the watch ends."""
        taken: list[str] = []
        while (event := await self.next()) is not None:
            taken.append(_shortly(event))
        return taken


def _shortly(event: dict[str, Any]) -> str:
    return f"{event['type']} {event['object']['metadata'].get('name')}"


class Api:
    """A client that hides nothing: any method, any body, any header."""

    def __init__(self, session: aiohttp.ClientSession, url: str, tls: ssl.SSLContext | bool) -> None:
        self._session = session
        self._url = url
        self._tls = tls

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = "",
        query: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """``body``: bytes and streams as they are, anything else as JSON."""
        headers = {"Accept": accept} if accept else {}
        data = body
        if body is not None:
            headers["Content-Type"] = content_type
            data = body if isinstance(body, bytes | io.BytesIO) else json.dumps(body).encode()
        async with self._session.request(
            method, self._url + path, data=data, headers=headers, params=query, ssl=self._tls
        ) as response:
            text = await response.text()
            is_json = response.content_type.endswith("json")
            return Answer(response.status, json.loads(text) if is_json and text else text, response.headers)

    async def get(self, path: str, **query: str | int) -> Answer:
        return await self.ask("GET", path, query=query)

    async def create(self, path: str, body: Any) -> dict[str, Any]:
        """The created object."""
        answer = await self.ask("POST", path, body)
        assert answer.status == 201, answer.document
        document: dict[str, Any] = answer.document
        return document

    async def patch(self, path: str, body: Any, content_type: str = "application/strategic-merge-patch+json") -> Answer:
        return await self.ask("PATCH", path, body, content_type=content_type)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, *, accept: str = "", **query: str | int) -> AsyncIterator[Events]:
        headers = {"Accept": accept} if accept else {}
        async with self._session.get(
            self._url + path, params={"watch": 1, "timeoutSeconds": 30, **query}, headers=headers, ssl=self._tls
        ) as response:
            assert response.status == 200, await response.text()
            yield Events(response)


@contextlib.asynccontextmanager
async def connected(url: str, token: str, tls: ssl.SSLContext | bool = True) -> AsyncIterator[Api]:
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Api(session, url, tls)
    if tls is not True:
        await asyncio.sleep(0.1)  # aiohttp does not wait until the TLS connections that it closes are closed


@pytest.fixture
async def server() -> AsyncIterator[SandboxApiServer]:
    """An empty embedded cluster."""
    async with SandboxApiServer() as started:
        yield started


@pytest.fixture
async def sandbox(server: SandboxApiServer) -> AsyncIterator[Api]:
    """The embedded cluster as its client sees it."""
    async with connected(server.url, server.token) as api:
        yield api


@pytest.fixture(scope="session")
def real_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver, without controllers: what the sandbox stands for."""
    with ControlPlane(tmp_path_factory.mktemp("real-api-server")) as started:
        yield started


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.real)])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """Both API servers, one after the other."""
    if request.param == "sandbox":
        async with SandboxApiServer() as server, connected(server.url, server.token) as sandbox:
            yield sandbox
        return
    access = request.getfixturevalue("real_api_server").admin
    tls = ssl.create_default_context(cafile=access.ca_file)
    async with connected(access.server, access.token, tls) as real:
        yield real


@pytest.fixture
async def namespace(api: Api) -> str:
    """The name of a namespace that was just made."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    await api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def pods(namespace: str) -> str:
    """The path of that namespace's pods."""
    return f"/api/v1/namespaces/{namespace}/pods"


@pytest.fixture
def unique() -> str:
    """A name that no other test takes, for what is in no namespace."""
    return f"test-{uuid.uuid4().hex[:8]}"
