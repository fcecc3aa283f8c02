"""A request and its answer, as the server and whoever answers exchange them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"


class Request(msgspec.Struct, gc=False):
    """``path`` is without a query. ``body`` is what came, not looked at."""

    method: bytes
    path: bytes
    body: bytes | bytearray


class Response(msgspec.Struct, frozen=True, gc=False):
    status: int
    body: bytes
    content_type: bytes = JSON


Handler = Callable[[Request], Response | Awaitable[Response]]
"""Answers at once, or later. Must not raise; a fault is answered as 500."""


def text(status: int, message: str) -> Response:
    return Response(status, message.encode() + b"\n", TEXT)
