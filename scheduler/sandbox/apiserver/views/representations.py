"""Stored objects as bytes for a client: the object itself, or its metadata only (``Table`` is in ``tables``).

An object is encoded once per revision, in ``store``; lists and watch events are put together around those bytes.
As in the real API server, items of a list do not repeat their kind and apiVersion.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from scheduler.sandbox.apiserver.documents import Document, encode
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.rules.events import from_core
from scheduler.sandbox.apiserver.schema.fields import definition_of, empty_object
from scheduler.sandbox.apiserver.statuses import StatusError
from scheduler.sandbox.apiserver.store import Stored

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Representation(Protocol):
    """One way of showing the objects of a resource."""

    def one(self, stored: Stored) -> bytes:
        """The object as the whole body of an answer."""

    def many(self, found: Iterable[Stored], metadata: Document) -> bytes:
        """A list with that list metadata."""

    def event(self, kind: str, stored: Stored) -> bytes:
        """One line of a watch."""

    def bookmark(self, revision: int, *, initial_events_end: bool = False) -> bytes:
        """The line that tells a watch how far it has come."""


class WholeObject:
    """The object with all fields, in the API version that was asked for."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._head = encode({"kind": resource.kind, "apiVersion": resource.api_version})[:-1] + b","
        self._empty = empty_object(definition_of(resource.api_version, resource.kind))  # as Go writes one in a bookmark
        self._converted = resource.storage == "events" and resource.group != ""

    def content(self, stored: Stored) -> bytes:
        """The object without kind and apiVersion."""
        if not self._converted:
            return stored.encoded
        converted = stored.forms.get(self._resource.api_version)
        if converted is None:
            converted = stored.forms[self._resource.api_version] = encode(from_core(stored.document))
        return converted

    def one(self, stored: Stored) -> bytes:
        return self._head + self.content(stored)[1:]

    def many(self, found: Iterable[Stored], metadata: Document) -> bytes:
        return _list(f"{self._resource.kind}List", self._resource.api_version, metadata, map(self.content, found))

    def event(self, kind: str, stored: Stored) -> bytes:
        return event_line(kind, self.one(stored))

    def bookmark(self, revision: int, *, initial_events_end: bool = False) -> bytes:
        document = self._empty | {"metadata": bookmark_metadata(revision, initial_events_end)}
        return event_line("BOOKMARK", self._head + encode(document)[1:])


class MetadataOnly:
    """``PartialObjectMetadata`` of ``meta.k8s.io/v1``."""

    _FORM = "PartialObjectMetadata"
    _HEAD = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",'

    def content(self, stored: Stored) -> bytes:
        found = stored.forms.get(self._FORM)
        if found is None:
            found = stored.forms[self._FORM] = encode({"metadata": stored.document["metadata"]})
        return found

    def one(self, stored: Stored) -> bytes:
        return self._HEAD + self.content(stored)[1:]

    def many(self, found: Iterable[Stored], metadata: Document) -> bytes:
        return _list("PartialObjectMetadataList", "meta.k8s.io/v1", metadata, map(self.one, found))

    def event(self, kind: str, stored: Stored) -> bytes:
        return event_line(kind, self.one(stored))

    def bookmark(self, revision: int, *, initial_events_end: bool = False) -> bytes:
        document = {"metadata": bookmark_metadata(revision, initial_events_end)}
        return event_line("BOOKMARK", self._HEAD + encode(document)[1:])


def bookmark_metadata(revision: int, initial_events_end: bool) -> Document:
    annotations = {"annotations": {INITIAL_EVENTS_END: "true"}} if initial_events_end else {}
    return {"resourceVersion": str(revision)} | annotations


def event_line(kind: str, document: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), document)


def error_line(error: StatusError) -> bytes:
    return event_line("ERROR", encode(error.status()))


def _list(kind: str, api_version: str, metadata: Document, items: Iterable[bytes]) -> bytes:
    head = encode({"kind": kind, "apiVersion": api_version, "metadata": metadata})[:-1]
    return b'%s,"items":[%s]}' % (head, b",".join(items))
