"""An extender process over a made-up cluster of any size, and requests as kube-scheduler writes them.

Owns the stand-in API server (lists and silent watches, nothing else) that the unchanged command connects to, so that
what is measured includes its own watches and memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from bench.cluster import a_bench_node, a_bench_pod
from scheduler.images.platform import parse_platform
from scheduler.sandbox.registry import SandboxRegistry

PODS_PER_PAGE = 500


@dataclass
class BenchExtender:
    """A running extender. ``registry`` is where the images of ``pod`` are."""

    port: int
    pid: int
    registry: str

    def pod(self, number: int, image: str = "both") -> dict[str, Any]:
        """One of 64 pending pods whose image is for both Linux platforms, or of 64 for arm64 alone."""
        return a_pending_pod(self.registry, number % 64, image)

    @property
    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def a_pending_pod(registry: str, number: int, image: str) -> dict[str, Any]:
    """As kube-scheduler has it from the API server."""
    document: dict[str, Any] = msgspec.to_builtins(a_bench_pod(number, 0))
    document["metadata"] |= {"name": f"{image}-{number}", "uid": f"uid-{image}-{number}"}
    document["spec"]["schedulerName"] = "default-scheduler"
    document["spec"]["containers"][0]["image"] = f"{registry}/bench/{image}:1"
    return document


@contextlib.asynccontextmanager
async def bench_extender(nodes: int, placed: int = 0, settings: str = "") -> AsyncIterator[BenchExtender]:
    """An extender that has seen so many nodes, and so many placed pods if its mode counts them."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = SandboxRegistry()
        await registry.start()
        stack.push_async_callback(registry.stop)
        both = [parse_platform(name) for name in ("linux/amd64", "linux/arm64")]
        for name, platforms in (("both", both), ("arm64", both[1:])):
            registry.push_index(f"bench/{name}", "1", platforms)
        pending = [
            a_pending_pod(registry.address, number, image) for image in ("both", "arm64") for number in range(64)
        ]
        server = await _api_server(stack, nodes, placed, pending)
        (folder / "kubeconfig").write_text(json.dumps(_kubeconfig(server)), encoding="utf-8")
        (folder / "settings.yaml").write_text(settings, encoding="utf-8")
        port, health = _free_port(), _free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "extender", "run", f"--config={folder / 'settings.yaml'}",
            f"--kubeconfig={folder / 'kubeconfig'}", f"--port={port}", f"--health-port={health}", "--log-level=warning",
        )  # fmt: skip
        try:
            await _until_ready(health)
            yield BenchExtender(port, process.pid, registry.address)
        finally:
            process.kill()
            await process.wait()


async def _api_server(stack: contextlib.AsyncExitStack, nodes: int, placed: int, pending: list[Any]) -> str:
    async def lists(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.sleep(3600)
        kind = request.path.rsplit("/", 1)[-1]
        count = {"nodes": nodes, "pods": placed}.get(kind, 0)
        if kind == "pods" and request.query.get("fieldSelector", "").startswith("spec.nodeName=,"):
            count = 0
        start = int(request.query.get("continue", "0"))
        end = min(start + PODS_PER_PAGE, count)
        found = [_item(kind, number, nodes) for number in range(start, end)]
        if kind == "pods" and end == count:
            found += map(msgspec.json.encode, pending)
        items = b",".join(found)
        more = f',"continue":"{end}"' if end < count else ""
        body = b'{"metadata":{"resourceVersion":"1"' + more.encode() + b'},"items":[' + items + b"]}"
        return web.Response(body=body, content_type="application/json")

    async def version(_: web.Request) -> web.StreamResponse:
        return web.json_response({"gitVersion": "bench"})

    app = web.Application()
    app.router.add_get("/version", version)
    app.router.add_get("/api/v1/{kind}", lists)
    app.router.add_get("/apis/{group}/v1/{kind}", lists)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def _item(kind: str, number: int, nodes: int) -> bytes:
    if kind == "nodes":
        return msgspec.json.encode(a_bench_node(number))
    pod = a_bench_pod(number, number % 100)
    pod.spec.node_name = f"node-{number % nodes:06d}"
    return msgspec.json.encode(pod)


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bench", "cluster": {"server": server}}],
        "users": [{"name": "bench", "user": {}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "current-context": "bench",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def _until_ready(port: int) -> None:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async with asyncio.timeout(120):
        while not await asyncio.to_thread(ask):  # noqa: ASYNC110 - another process gives no event
            await asyncio.sleep(0.05)
