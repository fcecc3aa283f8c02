"""What makes an Event acceptable; after ``pkg/apis/core/validation/events.go``.

The rules of ``v1`` are lenient for the sake of old clients; those of ``events.k8s.io/v1``, which schedulers write, are
not.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.sandbox.apiserver.causes import check_format, immutable, invalid_value, required
from scheduler.sandbox.apiserver.documents import Document, dig
from scheduler.sandbox.apiserver.names import qualified_name
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.statuses import Cause

_MOST_CHARACTERS = {"reportingInstance": 128, "action": 128, "reason": 128, "message": 1024}
_REQUIRED = ("reportingInstance", "action", "reason")
_DEPRECATED = ("firstTimestamp", "lastTimestamp", "count")
_IMMUTABLE = (
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
)


def event_causes(resource: Resource, event: Document) -> Iterator[Cause]:
    """The faults of an Event in its stored (core) form, written through the given API version."""
    yield from _namespace_causes(event)
    if event.get("eventTime"):
        yield from _new_style_causes(event, "reportingController" if resource.group else "reportingComponent")
    if resource.group:
        yield from _strict_causes(event)


def event_update_causes(resource: Resource, event: Document, before: Document) -> Iterator[Cause]:
    """Through the newer API nothing but the series may change."""
    if not resource.group:
        return
    for field in _IMMUTABLE:
        if event.get(field) != before.get(field):
            yield immutable(field, event.get(field))


def _namespace_causes(event: Document) -> Iterator[Cause]:
    namespace, involved = event["metadata"].get("namespace", ""), dig(event, "involvedObject", "namespace") or ""
    if involved:
        fits = involved == namespace or bool(event.get("eventTime"))
    else:
        fits = namespace in ({"default", "kube-system"} if event.get("eventTime") else {"default"})
    if not fits:
        yield invalid_value("involvedObject.namespace", involved, "does not match event.namespace")


def _new_style_causes(event: Document, controller: str) -> Iterator[Cause]:
    if not event.get("reportingComponent"):
        yield required(controller)
    yield from check_format(controller, event.get("reportingComponent") or "", qualified_name)
    for field in _REQUIRED:
        if not event.get(field):
            yield required(field)
    for field, most in _MOST_CHARACTERS.items():
        if len((event.get(field) or "").encode()) > most:
            yield invalid_value(field, "", f"can have at most {most} characters")


def _strict_causes(event: Document) -> Iterator[Cause]:
    if (series := event.get("series")) is not None:
        if (series.get("count") or 0) < 2:
            yield invalid_value("series.count", "", "should be at least 2")
        if not series.get("lastObservedTime"):
            yield required("series.lastObservedTime")
    if not event.get("eventTime"):
        yield required("eventTime")
    if event.get("type") not in {"Normal", "Warning"}:
        yield invalid_value("type", "", f"has invalid value: {event.get('type', '')}")
    for field in _DEPRECATED:
        if event.get(field):
            yield invalid_value(field, "", "needs to be unset")
    if any((event.get("source") or {}).values()):
        yield invalid_value("source", "", "needs to be unset")
