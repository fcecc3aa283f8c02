"""Ways in which registries misbehave, for `registry.SandboxRegistry.inject`.

Each fault answers a request in the registry's stead, or lets it pass by answering None.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from scheduler.images.media_types import OCI_MANIFEST

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]

_CHUNK = b" " * 65536


def hang() -> Fault:
    """Take the request and never answer."""

    async def fault(_request: web.Request) -> web.StreamResponse | None:
        await asyncio.Event().wait()
        return None

    return fault


def status(code: int, retry_after: str | None = None, body: bytes = b"") -> Fault:
    """Answer with a status."""

    async def fault(_request: web.Request) -> web.StreamResponse | None:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(status=code, headers=headers, body=body)

    return fault


def no_head() -> Fault:
    """Know no HEAD."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=405) if request.method == "HEAD" else None

    return fault


def body(content: bytes, media_type: str = OCI_MANIFEST) -> Fault:
    """Serve other bytes than asked for on GET, under the digest asked for."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "HEAD":
            return None
        return web.Response(body=content, headers={"Content-Type": media_type})

    return fault


def oversized(size: int, *, announced: bool = True) -> Fault:
    """Send ``size`` bytes of white space on GET, with or without saying so first."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "HEAD":
            return None
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
        if announced:
            response.content_length = size
        await response.prepare(request)
        for start in range(0, size, len(_CHUNK)):
            await response.write(_CHUNK[: size - start])
        return response

    return fault


def truncated() -> Fault:
    """Announce more bytes than are sent on GET, then close."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "HEAD":
            return None
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b'{"schemaVersion":2,')
        _cut(request)
        return response

    return fault


def drip(pause: float) -> Fault:
    """Send one byte per ``pause`` seconds on GET, without end."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "HEAD":
            return None
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
        response.content_length = 1_000_000
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(pause)

    return fault


def reset() -> Fault:
    """Close the connection instead of answering."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        _cut(request)
        await asyncio.Event().wait()
        return None

    return fault


def redirect(location: str) -> Fault:
    """Send on to another place."""

    async def fault(_request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=307, headers={"Location": location})

    return fault


def redirect_loop() -> Fault:
    """Send on to the same place, for ever."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=307, headers={"Location": request.path_qs})

    return fault


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
