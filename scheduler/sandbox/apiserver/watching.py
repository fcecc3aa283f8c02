"""One watch: from a starting point through the change log, as lines of JSON, until its time is up.

A watch owns no queue. It reads the resource's change log at its own position and is woken when the log grows, so a
thousand watches cost a position each; one that falls out of the log's window is closed, as the real server closes a
watch that cannot keep up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

from scheduler.sandbox.apiserver.reading import ListOptions
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.statuses import expired, too_large_resource_version
from scheduler.sandbox.apiserver.store import Change, Collection, Store, moved_to
from scheduler.sandbox.apiserver.views.representations import Representation, error_line

_BATCH = 500  # changes per write: bounds what one watch may hold of the event loop
_BOOKMARK_AFTER_INITIAL_EVENTS = 1.0  # seconds, whatever the interval
_LAST_BOOKMARK = 2.0  # seconds before the watch ends
_DEFAULT_TIMEOUT = (1800, 3600)  # seconds: a watch without a timeout ends at a random moment between these


class Watch:
    """One client's watch of one resource."""

    def __init__(
        self,
        store: Store,
        resource: Resource,
        options: ListOptions,
        representation: Representation,
        *,
        bookmark_interval: float,
    ) -> None:
        self._store = store
        self._collection: Collection = store.collection(resource.storage)
        self._options = options
        self._representation = representation
        self._bookmark_interval = bookmark_interval
        self._woken = asyncio.Event()
        self._cut = False

    def cut(self) -> None:
        """End it now, without a word, as a lost connection does."""
        self._cut = True
        self._woken.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """Chunks of whole lines. Ends when the time is up, when it is cut, and after an ERROR line."""
        loop = asyncio.get_running_loop()
        timeout = self._options.timeout_seconds or random.uniform(*_DEFAULT_TIMEOUT)
        deadline = loop.time() + timeout
        soon = _BOOKMARK_AFTER_INITIAL_EVENTS if self._options.send_initial_events else self._bookmark_interval
        next_bookmark = self._next_bookmark(loop.time(), soon, deadline)
        stop_listening = self._collection.log.listen(self._woken)
        try:
            position, opening = self._opening()
            if opening:
                yield opening
            while position is not None and not self._cut:
                changes = self._collection.log.read(position, _BATCH)
                if changes is None:
                    return
                position += len(changes)
                if chunk := b"".join(self._lines_of(changes)):
                    yield chunk
                if len(changes) == _BATCH:
                    await asyncio.sleep(0)
                    continue
                now = loop.time()
                if now >= deadline:
                    return
                if self._options.bookmarks and now >= next_bookmark:
                    next_bookmark = self._next_bookmark(now, self._bookmark_interval, deadline)
                    yield self._representation.bookmark(self._store.revision)
                await self._wait(position, min(deadline, next_bookmark) - now)
        finally:
            stop_listening()

    def _next_bookmark(self, now: float, interval: float, deadline: float) -> float:
        """One shortly before the end saves the client from reading again what it has seen."""
        last = deadline - _LAST_BOOKMARK
        due = min(now + interval, last)
        return due if due > now else deadline

    async def _wait(self, position: int, seconds: float) -> None:
        """Until the log grows beyond the position, the watch is cut, or the time is over."""
        self._woken.clear()
        if self._cut or self._collection.log.end != position:
            return
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return

    def _opening(self) -> tuple[int | None, bytes]:
        """Where to read on, and what comes first: the existing objects, or nothing, or an error (then no position)."""
        asked = self._options.resource_version
        initial = self._options.send_initial_events
        if initial and asked is not None and asked > self._store.revision:
            return None, error_line(too_large_resource_version(asked, self._store.revision))
        if initial or (initial is None and not asked):
            return self._collection.log.end, b"".join(self._existing(bool(initial)))
        if not asked:  # initial events were declined, and any starting point is good
            return self._collection.log.end, b""
        position = self._collection.log.position_after(asked)
        if position is None:
            oldest = self._collection.log.forgotten
            return None, error_line(expired(f"too old resource version: {asked} ({oldest})"))
        return position, b""

    def _existing(self, announce_end: bool) -> Iterator[bytes]:
        for stored in self._collection.in_order():
            if self._options.selection.matches(stored.document):
                yield self._representation.event("ADDED", stored)
        if announce_end and self._options.bookmarks:
            yield self._representation.bookmark(self._store.revision, initial_events_end=True)

    def _lines_of(self, changes: list[Change]) -> Iterator[bytes]:
        matches = self._options.selection.matches
        for change in changes:
            if change.revision <= (self._options.resource_version or 0):
                continue  # a watch from a revision that is still to come waits for it
            did = change.before is not None and matches(change.before.document)
            does = not change.deleted and matches(change.after.document)
            if does:
                yield self._representation.event("MODIFIED" if did else "ADDED", change.after)
            elif did and change.deleted:
                yield self._representation.event("DELETED", change.after)
            elif did and change.before is not None:
                yield self._representation.event("DELETED", moved_to(change.before, change.revision))
