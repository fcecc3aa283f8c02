"""A way to the API server that can be blocked, also in one direction, and cut.

What is sent while it is blocked is kept, as in a network that has lost a route. A cut ends every connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path


class Relay:
    """Passes bytes on, in both directions, while it is not blocked. TLS goes through as it is."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._requests_pass = asyncio.Event()
        self._answers_pass = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.unblock()

    def block(self) -> None:
        self.block_requests()
        self.block_answers()

    def block_requests(self) -> None:
        """Watches still tell what happens, and answers come."""
        self._requests_pass.clear()

    def block_answers(self) -> None:
        """Requests still arrive, and take effect."""
        self._answers_pass.clear()

    def unblock(self) -> None:
        self._requests_pass.set()
        self._answers_pass.set()

    def cut(self) -> None:
        """End every connection; new ones may be made."""
        for task in self._connections:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._requests_pass.wait()
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            ways = [
                asyncio.create_task(self._pass_on(reader, there_writer, self._requests_pass)),
                asyncio.create_task(self._pass_on(there_reader, writer, self._answers_pass)),
            ]
            with contextlib.closing(there_writer):
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                await passes.wait()
                writer.write(chunk)
                await writer.drain()


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
        relay.cut()


def _rewrite(kubeconfig: Path, through: Path, address: str, new_address: str) -> None:
    text = kubeconfig.read_text()
    assert text.count(address) == 1
    through.touch(mode=0o600)
    through.write_text(text.replace(address, new_address))
