"""The bytes of lists and watch events -> typed objects, at the cost of one item for a bad item.

Owns the two envelopes (list page, watch event). The usual case is one pass of a prebuilt decoder over the bytes; only
when that fails are the parts looked at one by one, to find the item that is wrong and its name. Who asks for the bytes
and what follows from an event is in ``reflector``.
"""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

import msgspec

from scheduler.api.meta import ObjectMeta
from scheduler.kube.errors import ApiError, MalformedAnswer, error_from_status


class ApiObject(Protocol):
    """What every decoded type has."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=ApiObject)


class InvalidItem(msgspec.Struct, frozen=True):
    """An object that does not have the shape of its type, as far as it can be named."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    problem: str
    """What is wrong and where: "Expected `str`, got `int` - at `$.spec.nodeName`"."""

    def __str__(self) -> str:
        name = self.name or "without a name"
        return f"{self.namespace}/{name}" if self.namespace else name


class Page(msgspec.Struct, Generic[T]):
    """One page of a list."""

    items: list[T]
    invalid: list[InvalidItem]
    resource_version: str
    next: str
    """Token of the next page; empty on the last."""


class Change(msgspec.Struct, Generic[T], gc=False):
    """An object was added, modified or deleted. ``object`` is its last state also when it was deleted."""

    type: str
    object: T


class Bookmark(msgspec.Struct, frozen=True):
    """Nothing happened up to this resourceVersion."""

    resource_version: str


class InvalidChange(msgspec.Struct, frozen=True):
    """An object changed into something that cannot be read."""

    item: InvalidItem


class Failure(msgspec.Struct, frozen=True):
    """The server ends the watch for this reason."""

    error: ApiError


Event = Change[T] | Bookmark | InvalidChange | Failure


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, Generic[T]):
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[T] | None = None


class _RawList(msgspec.Struct):
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[msgspec.Raw] | None = None


class _RawEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})

_raw_lists = msgspec.json.Decoder(_RawList)
_raw_events = msgspec.json.Decoder(_RawEvent)


class ObjectDecoder(Generic[T]):
    """The decoders of one type."""

    def __init__(self, type_: type[T]) -> None:
        # A type that is known only at run time cannot be written as a type argument, hence the two Any.
        lists: Any = _List
        changes: Any = Change
        self._objects = msgspec.json.Decoder(type_)
        self._lists: msgspec.json.Decoder[_List[T]] = msgspec.json.Decoder(lists[type_])
        self._changes: msgspec.json.Decoder[Change[T]] = msgspec.json.Decoder(changes[type_])

    def page(self, body: bytes) -> Page[T]:
        """One page of a list. Raises MalformedAnswer when it is no list at all."""
        try:
            page = self._lists.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._page_item_by_item(body)
        return Page(page.items or [], [], page.metadata.resource_version, page.metadata.continue_)

    def event(self, line: bytes) -> Event[T]:
        """One watch event. Raises MalformedAnswer when it is none."""
        try:
            change = self._changes.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._other_event(line, str(error))
        return change if change.type in _CHANGES else self._other_event(line, "")

    def _page_item_by_item(self, body: bytes) -> Page[T]:
        try:
            raw = _raw_lists.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedAnswer(f"a list cannot be read: {error}") from error
        page: Page[T] = Page([], [], raw.metadata.resource_version, raw.metadata.continue_)
        for item in raw.items or []:
            try:
                page.items.append(self._objects.decode(item))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                page.invalid.append(_identify(item, str(error)))
        return page

    def _other_event(self, line: bytes, problem: str) -> Event[T]:
        try:
            event = _raw_events.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedAnswer(f"a watch event cannot be read: {error}") from error
        if event.type == "ERROR":
            return Failure(error_from_status(event.object))
        if event.type == "BOOKMARK":
            return Bookmark(_identify(event.object, "").resource_version)
        if event.type not in _CHANGES:
            raise MalformedAnswer(f"a watch event has the unknown type {event.type!r}")
        item = _identify(event.object, problem)
        tombstone = self._tombstone(item) if event.type == "DELETED" else None
        return InvalidChange(item) if tombstone is None else Change("DELETED", tombstone)

    def _tombstone(self, item: InvalidItem) -> T | None:
        """The deleted object without its bad parts: whoever holds it needs no more than its name to let go of it."""
        metadata = {
            "name": item.name,
            "namespace": item.namespace,
            "uid": item.uid,
            "resourceVersion": item.resource_version,
        }
        try:
            return self._objects.decode(msgspec.json.encode({"metadata": metadata}))
        except msgspec.ValidationError:
            return None


def _identify(item: msgspec.Raw, problem: str) -> InvalidItem:
    """Name an object of any shape. ``problem`` loses the path of the envelope that it was found in."""
    try:
        decoded = msgspec.json.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError):
        decoded = None
    metadata = decoded.get("metadata") if isinstance(decoded, dict) else None
    known = metadata if isinstance(metadata, dict) else {}
    texts = {key: value for key, value in known.items() if isinstance(value, str)}
    return InvalidItem(
        namespace=texts.get("namespace", ""),
        name=texts.get("name", ""),
        uid=texts.get("uid", ""),
        resource_version=texts.get("resourceVersion", ""),
        problem=problem.replace("`$.object", "`$"),
    )
