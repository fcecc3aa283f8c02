"""A way to the API server that can be blocked: what is sent is then kept, as in a network that has lost a route."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path


class Relay:
    """Passes bytes on, in both directions, while it is not blocked. TLS goes through as it is."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open = asyncio.Event()
        self._open.set()
        self._connections: set[asyncio.Task[None]] = set()

    def block(self) -> None:
        self._open.clear()

    def unblock(self) -> None:
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._open.wait()
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            with contextlib.closing(there_writer):
                await asyncio.wait(
                    [
                        asyncio.create_task(self._pass_on(reader, there_writer)),
                        asyncio.create_task(self._pass_on(there_reader, writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                await self._open.wait()
                writer.write(chunk)
                await writer.drain()

    def close(self) -> None:
        for task in self._connections:
            task.cancel()


@contextlib.asynccontextmanager
async def relayed(kubeconfig: Path, server: str, folder: Path) -> AsyncIterator[tuple[Relay, Path]]:
    """A relay to ``server``, and a kubeconfig like the given one, but that goes through it."""
    address = server.rpartition("//")[2]
    host, _, port = address.partition(":")
    relay = Relay(host, int(port))
    listener = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    through = folder / "relayed.kubeconfig"
    _rewrite(kubeconfig, through, address, f"127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    try:
        yield relay, through
    finally:
        listener.close()
        relay.close()


def _rewrite(kubeconfig: Path, through: Path, address: str, new_address: str) -> None:
    text = kubeconfig.read_text()
    assert text.count(address) == 1
    through.touch(mode=0o600)
    through.write_text(text.replace(address, new_address))
