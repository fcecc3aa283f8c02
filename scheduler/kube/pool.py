"""The connections to the API server: opened when needed, kept for the next request, bounded in number.

Owns the sockets, TLS and the way through a proxy; what goes over a connection is ``exchange``'s. Watches have
connections of their own, outside the bound, so that a dozen of them never take one away from a bind. The environment's
proxy variables are not used, since those are meant for registries; a proxy in front of the API server is named in the
kubeconfig.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import math
import os
import socket
import ssl
from collections import deque
from urllib.parse import SplitResult, unquote, urlsplit

from scheduler.kube.errors import Unreachable
from scheduler.kube.exchange import Deadline, Exchange

# A peer that vanished without a word (a lost node, a forgetful NAT) is noticed after 30 + 3 * 10 s.
_KEEP_ALIVE_PROBES = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}

_LONGEST_GREETING = 16_384
"""Bytes of a proxy's answer to CONNECT."""


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
    """Lends connections. ``connections``: of them at most that many for calls; more calls than that wait for one."""

    def __init__(self, endpoint: Endpoint, connections: int, keep_alive: float, connect_timeout: float) -> None:
        self._server = urlsplit(endpoint.server)
        self._proxy = urlsplit(endpoint.proxy) if endpoint.proxy else None
        self._tls = endpoint.tls
        self._tls_server_name = endpoint.tls_server_name
        self._free = connections
        self._keep_alive = keep_alive
        self._connect_timeout = connect_timeout
        self._idle: list[Exchange] = []
        self._lent: set[Exchange] = set()
        self._renewed: set[Exchange] = set()
        """Lent when the certificate was renewed: not to be lent again."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def is_plain_proxy(self) -> bool:
        """Whether requests are for a proxy that reads them, and so have to name the server."""
        return self._proxy is not None and self._server.scheme == "http"

    @property
    def proxy_authorization(self) -> str | None:
        """The header's value for that proxy."""
        return None if self._proxy is None else _basic(self._proxy)

    async def borrow(self, deadline: Deadline, *, fresh: bool = False) -> Exchange:
        """A connection for one call; give it back. ``fresh``: none that is kept, they are stale. Raises Unreachable."""
        if self._free > 0:
            self._free -= 1
        else:
            await self._turn(deadline)
        try:
            exchange = self._kept(fresh=fresh) or await self._connect(deadline)
        except BaseException:
            self._release()
            raise
        self._lent.add(exchange)
        return exchange

    def give_back(self, exchange: Exchange) -> None:
        """The call is over, one way or the other."""
        if exchange.is_open and exchange not in self._renewed and not self._closed:
            self._lent.discard(exchange)
            exchange.idle_since = asyncio.get_running_loop().time()
            self._idle.append(exchange)
        else:
            self.end(exchange)
        self._release()

    async def begin(self, deadline: Deadline) -> Exchange:
        """A new connection for a stream, outside the bound; ``end`` it. Raises Unreachable."""
        exchange = await self._connect(deadline)
        self._lent.add(exchange)
        return exchange

    def end(self, exchange: Exchange) -> None:
        self._lent.discard(exchange)
        self._renewed.discard(exchange)
        exchange.close()

    def renew(self) -> None:
        """Let the next requests open new connections; those under way end on the old ones."""
        self._renewed |= self._lent
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Close every connection, also under a request. May be called twice."""
        self._closed = True
        self.renew()
        for exchange in self._lent:
            exchange.close()

    def _kept(self, *, fresh: bool) -> Exchange | None:
        """The one used last, so that those which are not needed grow old."""
        oldest = math.inf if fresh else asyncio.get_running_loop().time() - self._keep_alive
        while self._idle:
            exchange = self._idle.pop()
            if exchange.is_open and exchange.idle_since is not None and exchange.idle_since > oldest:
                return exchange
            exchange.close()
        return None

    async def _turn(self, deadline: Deadline) -> None:
        """Returns when somebody's connection is ours."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline.until):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._release()
            if isinstance(error, TimeoutError):
                raise Unreachable("no connection became free in time", sent=False) from error
            raise

    def _release(self) -> None:
        """To who has waited for longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def _connect(self, deadline: Deadline) -> Exchange:
        if self._closed:
            raise Unreachable("the client is closed", sent=False)
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._connect_timeout, deadline.until - now)):
                return await self._open()
        except TimeoutError as error:
            raise Unreachable("no connection in time", sent=False) from error
        except socket.gaierror as error:
            raise Unreachable(f"its host name cannot be resolved ({error.strerror})", sent=False) from error
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"its certificate is not trusted ({error.verify_message})", sent=False) from error
        except ssl.SSLError as error:
            raise Unreachable(f"no TLS connection ({error.reason or error})", sent=False) from error
        except OSError as error:
            # The system's words ("Connection refused"); asyncio's own repeat the address.
            raise Unreachable(os.strerror(error.errno) if error.errno else str(error), sent=False) from error

    async def _open(self) -> Exchange:
        connected = await _connected(self._server if self._proxy is None else self._proxy)
        try:
            tls = self._context() if self._server.scheme == "https" else None
            if tls is not None and self._proxy is not None:
                await _tunnel(connected, self._proxy, self._server)
            name = (self._tls_server_name or self._server.hostname) if tls is not None else None
            _, exchange = await asyncio.get_running_loop().create_connection(
                Exchange, sock=connected, ssl=tls, server_hostname=name
            )
        except BaseException:
            connected.close()
            raise
        return exchange

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


async def _connected(way: SplitResult) -> socket.socket:
    """To the first of the host's addresses that takes us. Raises OSError."""
    loop = asyncio.get_running_loop()
    port = way.port or (443 if way.scheme == "https" else 80)
    failure: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(way.hostname, port, type=socket.SOCK_STREAM):
        made = _probed_socket(family, kind, protocol)
        try:
            await loop.sock_connect(made, address)
        except OSError as error:
            made.close()
            failure = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failure or OSError("the host has no address")


def _probed_socket(family: int, kind: int, protocol: int) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE_PROBES.items():
        if hasattr(socket, option):  # not every system has all three
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


async def _tunnel(connected: socket.socket, proxy: SplitResult, server: SplitResult) -> None:
    """Have the proxy pass bytes on. Raises OSError."""
    loop = asyncio.get_running_loop()
    host = f"[{server.hostname}]" if ":" in (server.hostname or "") else server.hostname
    target = f"{host}:{server.port or 443}"
    authorization = _basic(proxy)
    words = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    await loop.sock_sendall(connected, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{words}\r\n".encode())
    greeting = b""
    while b"\r\n\r\n" not in greeting:
        received = await loop.sock_recv(connected, 4096)
        greeting += received
        if not received or len(greeting) > _LONGEST_GREETING:
            raise OSError("its proxy does not answer CONNECT")
    status = greeting.split(b"\r\n", 1)[0].decode("latin-1")
    if status.split(" ")[1:2] != ["200"]:
        raise OSError(f"its proxy refuses: {status}")


def _basic(proxy: SplitResult) -> str | None:
    if proxy.username is None:
        return None
    words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"Basic {base64.b64encode(words.encode()).decode()}"
