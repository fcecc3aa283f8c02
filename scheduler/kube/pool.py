"""The connections to the API server: one bounded keep-alive pool for calls, another for watches.

Owns the HTTP library's sessions and their sockets, and their replacement when a client certificate was renewed. Watches
have a pool of their own so that a dozen of them never take a connection away from a bind. The environment's proxy
variables are not used, since those are meant for registries; a proxy in front of the API server is named in the
kubeconfig.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from typing import TYPE_CHECKING

import aiohttp

from scheduler.kube.errors import Unreachable

if TYPE_CHECKING:
    import ssl

    from aiohttp.connector import AddrInfoType

_HEADERS = {
    "User-Agent": "multiarch-scheduler",
    "Accept": "application/json",
    # A list costs more to decompress than to carry over a cluster's network.
    "Accept-Encoding": "identity",
}

# A peer that vanished without a word (a lost node, a forgetful NAT) is noticed after 30 + 3 * 10 s.
_KEEP_ALIVE_PROBES = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}

_DRAIN_SECONDS = 660.0
"""How long a replaced session lives on: past the longest call and the longest watch."""


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API server is, and how to speak TLS to it."""

    server: str
    """``https://host:port``, with a path when it stands behind a gateway."""

    tls: ssl.SSLContext | None = None
    """None: the system's authorities, no client certificate."""

    tls_server_name: str | None = None
    """The name to expect in the certificate, when it is not the host's."""

    proxy: str | None = None
    """URL of an HTTP proxy."""


class ConnectionPool:
    """Two sessions, made at their first use because the library wants a running loop."""

    def __init__(self, endpoint: Endpoint, connections: int, keep_alive: float) -> None:
        self._endpoint = endpoint
        self._connections = connections
        self._keep_alive = keep_alive
        self._calls: aiohttp.ClientSession | None = None
        self._streams: aiohttp.ClientSession | None = None
        self._retired: dict[aiohttp.ClientSession, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def calls(self) -> aiohttp.ClientSession:
        """For requests with an answer; at most ``connections`` at a time, the others wait."""
        if self._calls is None:
            self._calls = self._session(self._connections)
        return self._calls

    @property
    def streams(self) -> aiohttp.ClientSession:
        """For watches; as many as there are reflectors."""
        if self._streams is None:
            self._streams = self._session(0)
        return self._streams

    def renew(self) -> None:
        """Let the next requests open new connections; those under way end on the old ones."""
        for session in (self._calls, self._streams):
            if session is not None:
                self._retired[session] = asyncio.create_task(self._drain(session))
        self._calls = self._streams = None

    async def close(self) -> None:
        """Close every connection, also under a request. May be called twice."""
        self._closed = True
        self.renew()
        sessions, tasks = list(self._retired), list(self._retired.values())
        self._retired.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *(session.close() for session in sessions), return_exceptions=True)

    async def _drain(self, session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(_DRAIN_SECONDS)
        await session.close()
        del self._retired[session]

    def _session(self, limit: int) -> aiohttp.ClientSession:
        if self._closed:
            raise Unreachable("the client is closed", sent=False)
        connector = aiohttp.TCPConnector(
            limit=limit,
            keepalive_timeout=self._keep_alive,
            ssl=self._endpoint.tls or True,
            socket_factory=_probed_socket,
        )
        return aiohttp.ClientSession(
            connector=connector, headers=_HEADERS, cookie_jar=aiohttp.DummyCookieJar(), proxy=self._endpoint.proxy
        )


def _probed_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE_PROBES.items():
        if hasattr(socket, option):  # not every system has all three
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
