"""The ``Table`` representation (``meta.k8s.io/v1``), which is what ``kubectl get`` prints."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from scheduler.sandbox.apiserver.documents import Document, encode
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.statuses import bad_request
from scheduler.sandbox.apiserver.store import Stored
from scheduler.sandbox.apiserver.views.columns import columns_of
from scheduler.sandbox.apiserver.views.representations import MetadataOnly, WholeObject, bookmark_metadata, event_line

_INCLUDES = ("", "None", "Metadata", "Object")


class Table:
    """Rows of printed cells. Each row carries the object's metadata, or all of the object, or nothing of it.

    One instance serves one request: only the first event of a watch tells the columns.
    """

    def __init__(self, resource: Resource, include: str) -> None:
        """Raises StatusError (400) for an unknown ``include``."""
        if include not in _INCLUDES:
            raise bad_request(f"unrecognized includeObject value: {include!r}")
        self._columns = columns_of(resource)
        self._include = include
        self._definitions_sent = False
        self._whole = WholeObject(resource)
        self._metadata = MetadataOnly()
        self._definitions = [
            {
                "name": column.title,
                "type": column.kind,
                "format": "name" if column.is_name else "",
                "description": f"{column.title} of the {resource.kind}",
                "priority": int(column.wide),
            }
            for column in self._columns
        ]

    def one(self, stored: Stored) -> bytes:
        return self.many([stored], {"resourceVersion": stored.document["metadata"].get("resourceVersion", "")})

    def many(self, found: Iterable[Stored], metadata: Document) -> bytes:
        return self._table(metadata, [self._row(stored) for stored in found])

    def event(self, kind: str, stored: Stored) -> bytes:
        line = event_line(kind, self.one(stored))
        self._definitions_sent = True
        return line

    def bookmark(self, revision: int, *, initial_events_end: bool = False) -> bytes:
        metadata = bookmark_metadata(revision, initial_events_end)
        partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        row = {"cells": ["" for _ in self._columns], "object": partial}
        return event_line("BOOKMARK", self._table({"resourceVersion": str(revision)}, [row]))

    def _table(self, metadata: Document, rows: list[Document]) -> bytes:
        return encode(
            {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": None if self._definitions_sent else self._definitions,
                "rows": rows,
            }
        )

    def _row(self, stored: Stored) -> Document:
        return {"cells": [column.cell(stored.document) for column in self._columns], "object": self._object(stored)}

    def _object(self, stored: Stored) -> msgspec.Raw | None:
        if self._include == "None":
            return None
        return msgspec.Raw((self._whole if self._include == "Object" else self._metadata).one(stored))
