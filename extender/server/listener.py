"""The listening socket and its connections: how many, how slow they may be, and how all of it ends.

Owns the sweep that ends slow and idle connections, and the order of stopping: ``drain`` (answers go on, callers are
asked to reconnect, which leads them elsewhere), then ``stop`` (no new connections, answers under way are given, the
rest is cut).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from extender.server.connection import Connection, Limits
from extender.server.messages import Handler

SWEEP_SECONDS = 0.5
BACKLOG = 128


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Sizes in bytes, times in seconds."""

    host: str
    port: int
    max_body: int
    max_connections: int
    request_seconds: float
    idle_seconds: float


class Listener:
    """Serves until ``stop``."""

    def __init__(
        self,
        settings: ListenerSettings,
        handler: Handler,
        *,
        tls: ssl.SSLContext | None = None,
        on_refused: Callable[[int], None] = lambda status: None,
    ) -> None:
        self._settings = settings
        self._handler = handler
        self._tls = tls
        self._on_refused = on_refused
        self._limits = Limits(settings.max_body)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def buffered(self) -> int:
        """Bytes of bodies that are not complete yet."""
        return self._limits.buffered

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connect,
            self._settings.host,
            self._settings.port,
            ssl=self._tls,
            backlog=BACKLOG,
            ssl_handshake_timeout=self._settings.request_seconds if self._tls else None,
        )
        self._sweeper = loop.create_task(self._sweep(), name="sweep connections")
        return int(self._server.sockets[0].getsockname()[1])

    def drain(self) -> None:
        """From now on every answer asks its caller to reconnect."""
        self._limits.draining = True

    async def stop(self, seconds: float) -> None:
        """No new connections; answers under way get so many seconds. May be called twice."""
        self._limits.draining = True
        if self._server is not None:
            self._server.close()
        deadline = asyncio.get_running_loop().time() + seconds
        while self._connections and asyncio.get_running_loop().time() < deadline:
            for connection in list(self._connections):
                if connection.is_idle:
                    connection.close()
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _connect(self) -> Connection:
        return Connection(
            self._handler,
            self._limits,
            on_open=self._opened,
            on_close=self._connections.discard,
            on_refused=self._on_refused,
        )

    def _opened(self, connection: Connection) -> bool:
        if len(self._connections) >= self._settings.max_connections:
            self._on_refused(503)
            return False
        self._connections.add(connection)
        return True

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self._connections):
                if connection.overdue(now) > self._settings.request_seconds:
                    connection.give_up()
                elif connection.is_idle and now - connection.idle_since > self._settings.idle_seconds:
                    connection.close()
