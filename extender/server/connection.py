"""One HTTP/1.1 connection: bytes in, requests to the handler, answers out.

Owns the protocol and the limits of one caller: sizes, and since when it owes us something (``overdue``; the listener
looks). Requests are answered in their order. As long as an answer is being made, or is not taken, nothing more is read,
so that a caller's memory here is bounded by one body and one read.

    idle --bytes--> reading --complete--> answering --written--> idle, or closed if either side asked for that
      |                |  limit, bad syntax                |
      +----------------+--------> 4xx, closing <-----------+  not taken in time: aborted
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import httptools
import structlog

from extender.server.large_body import LARGE, LargeBody
from extender.server.messages import Handler, Request, Response, text

if TYPE_CHECKING:
    from collections.abc import Awaitable

log = structlog.get_logger()

MAX_HEAD = 32 * 1024
"""Bytes of request line and headers beyond the first read; kube-scheduler's have about 200 in all."""

READ = 256 * 1024
"""Bytes read at once, but for a large body."""

MAX_WAITING = 16
"""Requests of one connection that wait for their turn. Nobody who speaks to an extender pipelines."""

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class Limits:
    """What the connections of one listener share. ``body``: bytes of one; ``buffered``: of all unfinished ones."""

    def __init__(self, body: int) -> None:
        self.body = body
        self.buffered = 0
        self.scratch = memoryview(bytearray(READ))
        """Where everything but a large body is read into; whatever was read is taken out at once."""
        self.draining = False
        """Whether answers ask callers to come back on another connection."""

    @property
    def is_full(self) -> bool:
        """Four bodies under way at once: more than any kube-scheduler sends, less than would hurt."""
        return self.buffered > 4 * self.body


class Connection(asyncio.BufferedProtocol):
    """``on_open`` and ``on_close`` tell the listener; ``on_refused`` gets the status of requests refused here."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        *,
        on_open: Callable[[Connection], bool],
        on_close: Callable[[Connection], None],
        on_refused: Callable[[int], None],
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._on_open = on_open
        self._on_close = on_close
        self._on_refused = on_refused
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False
        self._write_paused = False
        self._reading_since: float | None = None
        self._writing_since: float | None = None
        self.idle_since = self._loop.time()
        self._body: list[bytes] = []
        self._large: LargeBody | None = None
        self._begin()

    # What the listener asks

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self._task is None and self._reading_since is None and not self._waiting and not self._write_paused

    def overdue(self, now: float) -> float:
        """For how many seconds the caller has owed us the rest of a request, or has not taken an answer."""
        since = min((since for since in (self._reading_since, self._writing_since) if since is not None), default=now)
        return now - since

    def give_up(self) -> None:
        """Ends a connection whose caller is too slow: with an answer, if it may still hear it."""
        can_be_told = self._writing_since is None and self._task is None and not self._is_closing
        if can_be_told and self._reading_since is not None:
            self._refuse(408, "the request did not come in in time")
        else:
            self.abort()

    def close(self) -> None:
        """Ends an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends it at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of that class, only alike
        if not self._on_open(self):
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._release()
        self._waiting.clear()
        self._is_closing = True
        self._transport = None
        if self._task is not None:
            self._task.cancel()
        self._on_close(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._limits.scratch if self._large is None else self._large.room

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_closing:
            self._large = None
        elif self._large is not None:
            self._count(nbytes)
            self._large.filled(nbytes)
            if self._large.is_complete:
                self._parser = httptools.HttpRequestParser(self)  # the old one still waits for the body
                self._complete(self._large.bytes)
        else:
            self._parse(bytes(self._limits.scratch[:nbytes]))
            if not self._is_closing:
                self._look_at_size()

    def _parse(self, data: bytes) -> None:
        if self._reading_since is None:
            self._reading_since = self._loop.time()
        if not self._has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # answered as HTTP/1.1; whatever follows is not
            self._is_closing = True
            if self._task is None:
                self.close()
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, _Refusal):
                raise
            self._refuse(cause.status, cause.message)
        except httptools.HttpParserError as error:
            self._refuse(400, f"not HTTP: {error}")

    def _look_at_size(self) -> None:
        """Of what is incomplete."""
        if not self._has_head and self._head_bytes > MAX_HEAD:
            self._refuse(431, f"more than {MAX_HEAD} bytes of headers")
        elif self._has_head and self._length >= LARGE:
            self._large = LargeBody(self._length, self._body)
            self._body = []

    def eof_received(self) -> bool:
        """A caller that has said all it wants to say still gets its answers."""
        if self._is_closing or (self._task is None and not self._waiting):
            return False
        self._is_closing = True
        return True

    def pause_writing(self) -> None:
        self._write_paused = True
        self._writing_since = self._loop.time()
        self._throttle()

    def resume_writing(self) -> None:
        self._write_paused = False
        self._writing_since = None
        self._next()

    # httptools

    def on_message_begin(self) -> None:
        self._begin()
        self._reading_since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"content-length" and len(value) < 20 and value.isdigit():
            self._length = int(value)
            if self._length > self._limits.body:
                raise _Refusal(413, f"a body of {self._length} bytes is more than {self._limits.body}")
        if lower == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True

    def on_headers_complete(self) -> None:
        self._has_head = True
        self._method, self._keep_alive = self._parser.get_method(), self._parser.should_keep_alive()
        if self._limits.is_full:
            raise _Refusal(503, "too many large requests at once")
        if self._expects_continue and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._count(len(body))
        if self._body_bytes > self._limits.body:
            raise _Refusal(413, f"the body is more than {self._limits.body} bytes")

    def on_message_complete(self) -> None:
        self._complete(self._body[0] if len(self._body) == 1 else b"".join(self._body))

    # Private

    def _count(self, count: int) -> None:
        self._body_bytes += count
        self._limits.buffered += count

    def _complete(self, body: bytes | bytearray) -> None:
        """A whole request has come in."""
        request = Request(self._method, self._url.partition(b"?")[0], body)
        keep_alive = self._keep_alive
        self._release()
        self._begin()
        self._reading_since = None
        if self._is_closing:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._refuse(429, "too many requests in one go")
            return
        self._waiting.append((request, keep_alive))
        self._next()

    def _begin(self) -> None:
        """Forgets the last request."""
        self._url = b""
        self._method = b""
        self._keep_alive = False
        self._length = 0
        self._body = []
        self._large = None
        self._body_bytes = 0
        self._head_bytes = 0
        self._has_head = False
        self._expects_continue = False

    def _release(self) -> None:
        self._limits.buffered -= self._body_bytes
        self._body_bytes = 0

    def _next(self) -> None:
        """Answers the next request, unless one is being answered or the last answer was not taken yet."""
        while self._waiting and self._task is None and not self._write_paused:
            request, keep_alive = self._waiting.popleft()
            try:
                answer = self._handler(request)
            except Exception:  # a fault of ours must not take the connection's other requests along
                log.exception("handler failed", path=request.path)
                answer = text(500, "internal error, see the log")
            if isinstance(answer, Response):
                self._write(answer, keep_alive=keep_alive)
            else:
                self._task = self._loop.create_task(self._answer_later(answer, keep_alive))
        self._throttle()

    async def _answer_later(self, answer: Awaitable[Response], keep_alive: bool) -> None:
        try:
            response = await answer
        except Exception:
            log.exception("handler failed")
            response = text(500, "internal error, see the log")
        self._task = None
        self._write(response, keep_alive=keep_alive)
        self._next()

    def _throttle(self) -> None:
        """Reads only when what is read can be answered soon."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._task is not None or self._write_paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _write(self, response: Response, *, keep_alive: bool) -> None:
        if self._transport is None:
            return
        close = self._is_closing or self._limits.draining or not keep_alive
        self._send(response, close=close)
        if close:
            self._is_closing = True
            self._waiting.clear()
            self._transport.close()

    def _send(self, response: Response, *, close: bool) -> None:
        if self._transport is None:
            return
        reason = _REASONS.get(response.status, b"")
        head = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n" % (
            response.status,
            reason,
            response.content_type,
            len(response.body),
            b"Connection: close\r\n" if close else b"",
        )
        self.idle_since = self._loop.time()
        self._transport.write(head + response.body if len(response.body) < 2**18 else head)
        if len(response.body) >= 2**18:
            self._transport.write(response.body)

    def _refuse(self, status: int, message: str) -> None:
        """Answers what is no request of ours, and hangs up: where the next one would begin cannot be known.

        What is still coming in is thrown away until the caller hangs up too, or is overdue: closing at once would cut
        off the answer.
        """
        self._on_refused(status)
        self._release()
        self._is_closing = True
        self._waiting.clear()
        self._reading_since = self._loop.time()
        if self._transport is not None:
            self._send(text(status, message), close=True)
            if self._transport.can_write_eof():
                self._transport.write_eof()


class _Refusal(Exception):
    """What came is answered with an error status, and nothing more is read."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
