"""The objects, and how they came to be: what etcd and the watch cache are to the real API server.

One counter numbers every write, whatever its resource. Each resource keeps a bounded window of its last changes; from
it watches are fed, and lists at a past revision are made by undoing. What is older is gone, and asking for it is 410.

Owns no rules about objects: ``writes`` decides what may be written. A document that was put here is never changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import msgspec

from scheduler.sandbox.apiserver.documents import Document, encode


class Stored(msgspec.Struct, eq=False):
    """One object at one revision, encoded once for everybody who asks."""

    key: str
    document: Document
    encoded: bytes
    revision: int
    forms: dict[str, bytes] = {}
    """The same object as other forms of it read (another API version, its metadata); filled by ``representations``."""


class Change(msgspec.Struct, frozen=True, eq=False):
    """One write: None before it for a creation, and for a deletion an ``after`` that holds the last state."""

    revision: int
    before: Stored | None
    after: Stored
    deleted: bool = False


class ChangeLog:
    """The last changes of one resource, in order, addressed by a position that only grows."""

    def __init__(self, window: int, forgotten: int) -> None:
        self._window = window
        self._changes: list[Change] = []
        self._first = 0  # position of _changes[0]
        self._forgotten = forgotten  # revision up to which changes are no longer known
        self._listeners: set[asyncio.Event] = set()

    @property
    def end(self) -> int:
        """The position of the change that comes next."""
        return self._first + len(self._changes)

    @property
    def forgotten(self) -> int:
        return self._forgotten

    def append(self, change: Change) -> None:
        self._changes.append(change)
        if len(self._changes) >= 2 * self._window:  # trimmed by halves: dropping one at a time would shift the list
            drop = len(self._changes) - self._window
            self._drop(drop, self._changes[drop - 1].revision)
        for listener in self._listeners:
            listener.set()

    def position_after(self, revision: int) -> int | None:
        """Where the changes later than the revision begin; None when some of them are forgotten."""
        if revision < self._forgotten:
            return None
        low, high = 0, len(self._changes)
        while low < high:
            middle = (low + high) // 2
            if self._changes[middle].revision > revision:
                high = middle
            else:
                low = middle + 1
        return self._first + low

    def read(self, position: int, limit: int) -> list[Change] | None:
        """Up to ``limit`` changes from the position on; None when they are forgotten."""
        if position < self._first:
            return None
        start = position - self._first
        return self._changes[start : start + limit]

    def forget(self, revision: int) -> None:
        """Lose everything up to the current revision: who has not read it yet must list again."""
        self._drop(len(self._changes), revision)

    def _drop(self, count: int, revision: int) -> None:
        del self._changes[:count]
        self._first += count
        self._forgotten = revision

    def listen(self, listener: asyncio.Event) -> Callable[[], None]:
        """Set the event after every change, until the returned function is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)


class Collection:
    """The objects of one resource, by ``namespace/name`` (or ``name``)."""

    def __init__(self, window: int, forgotten: int) -> None:
        self.log = ChangeLog(window, forgotten)
        self._objects: dict[str, Stored] = {}
        self._sorted: list[str] | None = None

    def get(self, key: str) -> Stored | None:
        return self._objects.get(key)

    def in_order(self) -> Iterator[Stored]:
        """All objects by key, which is the order of every list."""
        if self._sorted is None:
            self._sorted = sorted(self._objects)
        return (self._objects[key] for key in self._sorted)

    def as_of(self, revision: int) -> list[Stored] | None:
        """The objects at a past revision, in order; None when that is no longer known."""
        position = self.log.position_after(revision)
        if position is None:
            return None
        later = self.log.read(position, self.log.end - position) or []
        if not later:
            return list(self.in_order())
        objects = dict(self._objects)
        for change in reversed(later):
            if change.before is None:
                objects.pop(change.after.key, None)
            else:
                objects[change.before.key] = change.before
        return [objects[key] for key in sorted(objects)]

    def set(self, stored: Stored, revision: int) -> None:
        before = self._objects.get(stored.key)
        self._objects[stored.key] = stored
        if before is None:
            self._sorted = None
        self.log.append(Change(revision, before, stored))

    def remove(self, last: Stored, revision: int) -> None:
        before = self._objects.pop(last.key)
        self._sorted = None
        self.log.append(Change(revision, before, last, deleted=True))


class Store:
    """All collections under one revision counter."""

    def __init__(self, window: int = 20_000) -> None:
        """``window``: how many changes each resource remembers, at least."""
        self.revision = 1  # never 0: as a resourceVersion that means "any"
        self._window = window
        self._forgotten = 0
        self._collections: dict[str, Collection] = {}

    def collection(self, storage: str) -> Collection:
        found = self._collections.get(storage)
        if found is None:
            found = self._collections[storage] = Collection(self._window, self._forgotten)
        return found

    def collections(self) -> list[tuple[str, Collection]]:
        return list(self._collections.items())

    def put(self, storage: str, key: str, document: Document) -> Stored:
        """Write the document, which gets its resourceVersion here. A write that changes nothing is none."""
        collection = self.collection(storage)
        before = collection.get(key)
        if before is not None:
            document["metadata"]["resourceVersion"] = str(before.revision)
            if document == before.document:
                return before
        stored = self._stamped(key, document)
        collection.set(stored, stored.revision)
        return stored

    def remove(self, storage: str, key: str) -> Stored:
        """Delete the object and return its last state, which carries the deletion's resourceVersion."""
        collection = self.collection(storage)
        before = collection.get(key)
        if before is None:
            raise KeyError(key)
        document = {**before.document, "metadata": dict(before.document["metadata"])}
        last = self._stamped(key, document)
        collection.remove(last, last.revision)
        return last

    def forget_history(self) -> None:
        """Drop every window, as compaction does: every resourceVersion given out so far is too old afterwards."""
        self.revision += 1
        self._forgotten = self.revision
        for _, collection in self.collections():
            collection.log.forget(self.revision)

    def _stamped(self, key: str, document: Document) -> Stored:
        self.revision += 1
        document["metadata"]["resourceVersion"] = str(self.revision)
        return Stored(key, document, encode(document), self.revision)


def moved_to(stored: Stored, revision: int) -> Stored:
    """The same state under another resourceVersion: how a watch reports what stopped matching its selector."""
    document = {**stored.document, "metadata": {**stored.document["metadata"], "resourceVersion": str(revision)}}
    return Stored(stored.key, document, encode(document), revision)
