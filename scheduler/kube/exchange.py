"""One HTTP/1.1 connection: a request goes out, its answer comes in, and then the next.

Owns the reading of answers (the parser is httptools'), and when a connection may be used again. ``pool`` opens
connections and lends them; what an answer means is told in ``requests``. A binding and its event are two exchanges for
every pod, which is why this is not a general HTTP library: those cost several times as much per request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, cast

import httptools

from scheduler.kube.errors import Silent, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_LONGEST_HELD = 2**20
"""Bytes of a stream that are not asked for yet; past this the server has to wait."""

_LONGEST_QUOTE = 60


class Deadline(NamedTuple):
    """``until`` is a time of the event loop; ``seconds``, for messages, are what was allowed in all."""

    seconds: float
    until: float


class Answer(NamedTuple):
    """``retry_after`` is the header. ``body`` is empty while a stream is open."""

    status: int
    retry_after: str | None
    body: bytes


class Exchange(asyncio.Protocol):
    """The connection, as the event loop drives it.

    ``ask`` and ``open`` raise Unreachable and Silent. After either raised, or was cancelled, the connection is closed.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._more: asyncio.Future[None] | None = None
        self._streams = False
        self._pieces: list[bytes] = []
        self._held = 0
        self._retry_after: str | None = None
        self._ended = False
        self._problem: Unreachable | None = None
        self.is_open = False
        """False as soon as nothing can be asked any more."""
        self.idle_since: float | None = None
        """Time of the event loop at which it was last given back; None: this is its first use."""
        self.answered = False
        """Whether anything of an answer to the last request has come."""

    # Asking

    async def ask(self, request: bytes, deadline: Deadline) -> Answer:
        """The whole answer."""
        return await self._send(request, deadline, streams=False)

    async def open(self, request: bytes, deadline: Deadline) -> Answer:
        """The head of an answer whose body comes from ``chunks``."""
        return await self._send(request, deadline, streams=True)

    async def chunks(self, idle_seconds: float) -> AsyncGenerator[bytes, None]:
        """The body after ``open``. Raises Unreachable when it is cut, and Silent when nothing comes for so long."""
        while True:
            if self._pieces:
                yield self._take()
            elif self._ended:
                return
            elif self._problem is not None:
                try:
                    raise self._problem
                finally:
                    self._problem = None  # it holds this frame, and so this exchange
            else:
                await self._until_more(idle_seconds)

    def close(self) -> None:
        """At once; a request under way fails."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    async def _send(self, request: bytes, deadline: Deadline, *, streams: bool) -> Answer:
        if self._transport is None or not self.is_open:
            raise self._problem or _cut()
        self._streams = streams
        self._pieces, self._held, self._retry_after = [], 0, None
        self._ended = self.answered = False
        self._answer = self._loop.create_future()
        timer = self._loop.call_at(deadline.until, self._fail, _silent(deadline.seconds))
        try:
            self._transport.write(request)
            return await self._answer
        except BaseException:
            self._problem = None  # it holds this frame, and so this exchange
            self.close()
            raise
        finally:
            timer.cancel()
            self._answer = None

    async def _until_more(self, idle_seconds: float) -> None:
        self._more = self._loop.create_future()
        timer = self._loop.call_later(idle_seconds, self._fail, _silent(idle_seconds))
        try:
            await self._more
        finally:
            timer.cancel()
            self._more = None

    def _take(self) -> bytes:
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if self._held > _LONGEST_HELD and self._transport is not None and self.is_open:
            self._transport.resume_reading()
        self._pieces, self._held = [], 0
        return taken

    # As asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None and not self._streams:  # nobody has asked
            self.close()
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(Unreachable(f"it does not speak HTTP ({_quoted(data)})", sent=True))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(_cut())
        self._transport = None
        del self._parser  # it holds this exchange

    # As httptools wants it

    def on_message_begin(self) -> None:
        if self._ended:  # a second answer to one request: who knows what the third would belong to
            self.is_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._streams and self._parser.get_status_code() >= 200:
            self._resolve(b"")

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._held += len(body)
        if self._streams:
            if self._held > _LONGEST_HELD and self._transport is not None:
                self._transport.pause_reading()
            self._wake()

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # "go on", which nobody had asked
            return
        if not self._parser.should_keep_alive():
            self.is_open = False
        self._ended = True
        if self._streams:
            self._wake()
        else:
            self._resolve(self._take())

    def _resolve(self, body: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), self._retry_after, body))

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _fail(self, problem: Unreachable) -> None:
        """Nothing more will come."""
        if self._problem is None:
            self._problem = problem
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._problem)
        self._wake()
        self.close()


def _cut() -> Unreachable:
    return Unreachable("the connection was cut", sent=True)


def _silent(seconds: float) -> Silent:
    return Silent(f"no answer within {seconds:g} s", sent=True)


def _quoted(data: bytes) -> str:
    return " ".join(data[:_LONGEST_QUOTE].decode("utf-8", "replace").split())
