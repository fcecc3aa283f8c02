"""List and watch: keeps a handler's picture of one kind equal to the API server's.

Owns the resourceVersion and what to do when a list or a watch fails. Knows nothing of the objects (``decoding`` reads
them, the handler keeps them) and does not log: it reports to ``on_problem`` and counts in ``stats``.

    list ------------------> replaced(items) ---> watch <---------------------------+
     ^                                              | added / modified / deleted     |
     |                                              | bookmark: only the version     |
     |  410, or an answer that makes no sense       |                                |
     +----------------------------------------------+--- end, cut, silence, 5xx -----+

A failure without progress in between makes the next attempt wait longer (``backoff``); a watch that lasted for longer
than it was waited for is progress. Mirrors client-go's ``tools/cache/reflector.go``, with two deviations: the first
list is read in pages and is as fresh as etcd instead of as old as some API server's cache, and an object that cannot be
read costs that object.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from scheduler.kube.backoff import Backoff
from scheduler.kube.decoding import ApiObject, Bookmark, Change, Event, Failure, InvalidItem, ObjectDecoder
from scheduler.kube.errors import ApiError, Forbidden, Gone, MalformedAnswer, Unauthorized, Unreachable, explain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scheduler.kube.requests import ApiClient

T = TypeVar("T", bound=ApiObject)


class Handler(Protocol[T]):
    """Keeps the picture. Called in order, never concurrently. An exception from it ends the reflector."""

    def replaced(self, items: list[T]) -> None:
        """These objects exist and no others: at the start, and whenever changes may have been missed."""

    def added(self, item: T) -> None: ...

    def modified(self, item: T) -> None: ...

    def deleted(self, item: T) -> None:
        """``item`` is its last state, or its metadata alone when that state could not be read."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReflectorSettings:
    """How one kind is followed. All times in seconds."""

    page_size: int = 500
    """Objects of one page of a list: bounds the memory that a page's bytes take on both sides."""

    list_seconds: float = 60.0
    """For one page."""

    watch_seconds: int = 300
    """After between one and two times this the server is asked to end a watch, so that it can spread its clients."""

    idle_seconds: float = 150.0
    """A watch that is silent for so long is taken for dead. API servers send a bookmark about once a minute."""

    first_delay: float = 0.8
    longest_delay: float = 30.0
    """Before the second, and at most before any further attempt after failures; up to twice that with the jitter."""


@dataclasses.dataclass(slots=True)
class ReflectorStats:
    """Counts since the start."""

    lists: int = 0
    watches: int = 0
    changes: int = 0
    bookmarks: int = 0
    invalid: int = 0
    """Objects, or changes of objects, that could not be read."""
    expired: int = 0
    """Times that the server no longer knew our resourceVersion, so that a new list was needed."""
    failures: int = 0


# A watch that ended sooner than this without a word has failed, whatever its status said.
_SHORTEST_WATCH = 1.0

# A watch that lasted for so long is progress however long it was waited for, so that a server which forgets its history
# every minute does not leave us behind by as much again.
_LONG_WATCH = 10.0


class Reflector(Generic[T]):
    """Follows the objects of ``type_`` below ``path``, such as ``/api/v1/pods``.

    ``on_problem`` gets a sentence for each failure and each object that cannot be read. ``on_page`` gets each page of a
    list as it comes, and whether it is the first one; what it returns is handed to ``replaced`` in the page's place. A
    handler that takes the objects there and returns nothing never has a whole list of them in memory.
    """

    def __init__(
        self,
        client: ApiClient,
        path: str,
        type_: type[T],
        handler: Handler[T],
        *,
        field_selector: str = "",
        label_selector: str = "",
        on_problem: Callable[[str], None] = lambda problem: None,
        on_page: Callable[[list[T], bool], list[T]] = lambda items, first: items,
        settings: ReflectorSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._path = path
        self._kind = path.rsplit("/", 1)[-1]
        self._decoder = ObjectDecoder(type_)
        self._handler = handler
        self._deliver = {"ADDED": handler.added, "MODIFIED": handler.modified, "DELETED": handler.deleted}
        selectors = {"fieldSelector": field_selector, "labelSelector": label_selector}
        self._selectors = {name: value for name, value in selectors.items() if value}
        self._on_problem = on_problem
        self._on_page = on_page
        self._settings = settings or ReflectorSettings()
        self._clock = clock
        self._draw = draw
        self._sleep = sleep
        self._backoff = Backoff(self._settings.first_delay, limit=self._settings.longest_delay, draw=draw)
        self._delay = 0.0
        self._resource_version = ""
        self.stats = ReflectorStats()
        self.paused = False
        """Whether it waits after a failure: for as long as it does, what the handler has may be old."""
        self.synced = asyncio.Event()
        """Set once the handler has had the first whole list."""

    @property
    def resource_version(self) -> str:
        """Everything up to here was delivered; empty before the first list and when a new one is due."""
        return self._resource_version

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if not self._resource_version:
                    await self._list()
                await self._watch()
            except ApiError as error:
                await self._recover(error)

    # Listing

    async def _list(self) -> None:
        try:
            items, resource_version = await self._pages(self._settings.page_size)
        except Gone:
            # The pages took so long that the first ones were compacted away. The whole list at once cannot expire.
            items, resource_version = await self._pages(0)
        if not resource_version:
            raise MalformedAnswer("a list has no resourceVersion")
        self.stats.lists += 1
        self._handler.replaced(items)
        self._resource_version = resource_version
        self.synced.set()

    async def _pages(self, limit: int) -> tuple[list[T], str]:
        query: dict[str, str | int] = {**self._selectors, "limit": limit} if limit else {**self._selectors}
        items: list[T] = []
        while True:
            body = await self._client.request("GET", self._path, query=query, seconds=self._settings.list_seconds)
            page = self._decoder.page(body)
            items += self._on_page(page.items, "continue" not in query)
            for item in page.invalid:
                self._skip(item)
            if not page.next:
                return items, page.resource_version
            query["continue"] = page.next

    # Watching

    async def _watch(self) -> None:
        started = self._clock()
        delivered = self.stats.changes + self.stats.bookmarks
        query: dict[str, str | int] = {
            **self._selectors,
            "watch": 1,
            "allowWatchBookmarks": "true",
            "resourceVersion": self._resource_version,
            "timeoutSeconds": int(self._settings.watch_seconds * (1.0 + self._draw())),
        }
        self.stats.watches += 1
        lines = self._client.stream(self._path, query=query, idle_seconds=self._settings.idle_seconds)
        try:
            async with aclosing(lines):
                async for line in lines:
                    self._receive(self._decoder.event(line))
        finally:
            if self._clock() - started > min(self._delay, _LONG_WATCH):
                self._backoff.reset()
        if self.stats.changes + self.stats.bookmarks == delivered and self._clock() - started < _SHORTEST_WATCH:
            raise Unreachable("it ended a watch at once", sent=True)

    def _receive(self, event: Event[T]) -> None:
        if isinstance(event, Change):
            self.stats.changes += 1
            self._deliver[event.type](event.object)
            self._advance(event.object.metadata.resource_version)
        elif isinstance(event, Bookmark):
            self.stats.bookmarks += 1
            self._advance(event.resource_version)
        elif isinstance(event, Failure):
            raise event.error
        else:
            self._skip(event.item)
            self._advance(event.item.resource_version)

    def _advance(self, resource_version: str) -> None:
        self._resource_version = resource_version or self._resource_version
        self._backoff.reset()

    def _skip(self, item: InvalidItem) -> None:
        self.stats.invalid += 1
        self._on_problem(f"{self._kind} {item} is skipped, it cannot be read: {item.problem}")

    # Failing

    async def _recover(self, error: ApiError) -> None:
        """Decide where to go on, and wait."""
        self.stats.failures += 1
        if isinstance(error, Gone):
            self.stats.expired += 1
        if not error.transient and not isinstance(error, Unauthorized | Forbidden):
            self._resource_version = ""
        expired_first_time = isinstance(error, Gone) and self._backoff.failures == 0
        delay = self._delay = max(self._backoff.next(), error.retry_after or 0.0)
        if expired_first_time:
            return  # an ordinary thing after a long pause, and the list is urgent; only repetition is a problem
        self._on_problem(f"watching {self._kind}: {explain(error, self._client.server)}; trying again in {delay:.1f} s")
        self.paused = True
        try:
            await self._sleep(delay)
        finally:
            self.paused = False
