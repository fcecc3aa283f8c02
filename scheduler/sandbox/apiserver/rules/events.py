"""The two API versions of an Event: ``v1`` and ``events.k8s.io/v1`` show the same stored objects.

Stored is the core form. The fields that have another name in the newer API are listed once, below
(``pkg/apis/events/v1/conversion.go``); all others are spelled alike.
"""

from __future__ import annotations

from scheduler.sandbox.apiserver.documents import Document

_NEW_NAME = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_CORE_NAME = {new: core for core, new in _NEW_NAME.items()}
_OPTIONAL_IN_NEW = ("reportingController", "reportingInstance")


def to_core(event: Document) -> Document:
    """An ``events.k8s.io/v1`` Event as ``v1``."""
    return {_CORE_NAME.get(field, field): value for field, value in event.items()}


def from_core(event: Document) -> Document:
    """A stored Event as ``events.k8s.io/v1``."""
    renamed = {_NEW_NAME.get(field, field): value for field, value in event.items()}
    return {field: value for field, value in renamed.items() if value or field not in _OPTIONAL_IN_NEW}
