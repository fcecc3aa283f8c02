"""How quickly the extender answers, and what it holds: run ``python -m bench.extender.answers``.

Owns the measurement: wall time at the caller, on one kept connection over the loopback, one call after the other, as
kube-scheduler calls. The process answering is the unchanged command.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from rich.console import Console
from rich.table import Table

from bench.cluster import a_bench_node
from bench.core import machine
from bench.extender.cluster import BenchExtender, bench_extender

CALLS = 2_000
WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """Microseconds per call."""

    what: str
    request: int
    answer: int
    p50: float
    p99: float


class Caller:
    """One kept connection, in blocking code: it adds the least to what is measured."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(2**26)

    def call(self, request: bytes) -> memoryview:
        """The answer's body; valid until the next call."""
        self._socket.sendall(request)
        view = memoryview(self._buffer)
        got = 0
        while (head := self._buffer.find(b"\r\n\r\n", 0, got)) < 0:
            got += self._socket.recv_into(view[got:])
        mark = self._buffer.index(b"Content-Length: ") + 16
        length = int(self._buffer[mark : self._buffer.index(b"\r", mark)])
        while got < head + 4 + length:
            got += self._socket.recv_into(view[got:])
        return view[head + 4 : head + 4 + length]

    def close(self) -> None:
        self._socket.close()


def posted(verb: str, body: bytes) -> bytes:
    """As Go's client writes it."""
    head = (
        f"POST /{verb} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Go-http-client/1.1\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    return head.encode() + body


def measure(what: str, caller: Caller, requests: Callable[[], bytes], calls: int = CALLS) -> Measured:
    """Call and call again; each answer must be one without an error."""
    for _ in range(min(WARM_UP, calls)):
        answer = caller.call(requests())
    if b'"Error":""' not in bytes(answer[-200:]):
        raise RuntimeError(bytes(answer[-500:]).decode())
    took = []
    size = len(answer)
    for _ in range(calls):
        request = requests()
        began = time.perf_counter()
        caller.call(request)
        took.append(time.perf_counter() - began)
    took.sort()
    return Measured(what, len(requests()), size, took[len(took) // 2] * 1e6, took[len(took) * 99 // 100] * 1e6)


def filters(extender: BenchExtender, nodes: int) -> list[Measured]:
    """filter of names in one order and in ever new ones, for pods that run everywhere and for pods that do not."""
    caller = Caller(extender.port)
    linux = [f"node-{number:06d}" for number in range(nodes) if number % 5 != 4]
    every = [f"node-{number:06d}" for number in range(nodes)]
    found = []
    for what, image, names in (
        ("all can run it", "both", linux + linux[: nodes - len(linux)]),
        ("two fifths can run it", "arm64", every),
    ):
        found.append(measure(f"{nodes:,} names, {what}", caller, _requests(extender, image, names, shuffled=False)))
        found.append(
            measure(
                f"{nodes:,} names, {what}, another order each", caller, _requests(extender, image, names, shuffled=True)
            )
        )
    caller.close()
    return found


def _requests(extender: BenchExtender, image: str, names: list[str], *, shuffled: bool) -> Callable[[], bytes]:
    draw = random.Random(1)
    orders = [draw.sample(names, len(names)) for _ in range(16)] if shuffled else [names]
    bodies = [
        posted(
            "filter",
            msgspec.json.encode(
                {"Pod": extender.pod(number, image), "Nodes": None, "NodeNames": orders[number % len(orders)]}
            ),
        )
        for number in range(64)
    ]
    return itertools.cycle(bodies).__next__


def whole_nodes(extender: BenchExtender, nodes: int) -> list[Measured]:
    """filter of whole nodes."""
    caller = Caller(extender.port)
    items = [msgspec.to_builtins(a_bench_node(number)) for number in range(nodes)]
    found = []
    for what, image in (("four fifths can run it", "both"), ("two fifths can run it", "arm64")):
        body = msgspec.json.encode(
            {"Pod": extender.pod(0, image), "Nodes": {"metadata": {}, "items": items}, "NodeNames": None}
        )
        request = posted("filter", body)
        found.append(measure(f"{nodes:,} whole nodes, {what}", caller, itertools.repeat(request).__next__, 200))
    caller.close()
    return found


async def run(console: Console) -> None:
    table = Table(title="filter, one connection, at the caller")
    table.add_column("request", no_wrap=True)
    for column in ("KB in", "KB out", "p50 us", "p99 us"):
        table.add_column(column, justify="right", no_wrap=True)
    async with bench_extender(5_000) as extender:
        found = await asyncio.to_thread(filters, extender, 500)
        found += await asyncio.to_thread(filters, extender, 5_000)
        found += await asyncio.to_thread(whole_nodes, extender, 500)
        plain = extender.resident_megabytes
    for title, settings in (
        ("narrowed to 16", "answering: {maxNodes: 16}"),
        ("delegated", "answering: {delegated: true}"),
    ):
        async with bench_extender(5_000, 50_000, settings) as extender:
            for nodes in (100, 500, 5_000):
                for measured in (await asyncio.to_thread(filters, extender, nodes))[1:2]:
                    found.append(
                        Measured(
                            f"{title}: {measured.what}",
                            *(getattr(measured, f) for f in ("request", "answer", "p50", "p99")),
                        )
                    )
            memory = extender.resident_megabytes
    for each in found:
        table.add_row(
            each.what, f"{each.request / 1e3:,.1f}", f"{each.answer / 1e3:,.1f}", f"{each.p50:,.0f}", f"{each.p99:,.0f}"
        )
    console.print(table)
    console.print(
        f"Resident: {plain:.0f} MB filtering 5,000 nodes; {memory:.0f} MB delegated, with 50,000 pods besides"
    )
    console.print(f"Machine: {machine()}")


def main() -> None:
    asyncio.run(run(Console(width=110)))


if __name__ == "__main__":
    main()
