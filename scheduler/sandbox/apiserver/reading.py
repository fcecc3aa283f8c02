"""Lists and watches: what their options mean, and what each is answered with.

The rules of resourceVersion and resourceVersionMatch are those of the API conventions ("Resource versions" in the
Kubernetes documentation) and of apimachinery's ``ValidateListOptions``. The stream of a watch is in ``watching``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import NoReturn

import msgspec

from scheduler.sandbox.apiserver.documents import Document, encode
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.selectors import Selection, parse_field_selector, parse_label_selector
from scheduler.sandbox.apiserver.statuses import (
    Cause,
    StatusError,
    bad_request,
    expired,
    invalid_kind,
    too_large_resource_version,
)
from scheduler.sandbox.apiserver.store import Store, Stored


class ListOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a list or watch, checked."""

    selection: Selection
    resource_version: int | None = None
    """None where the client gave none; 0 means any."""
    match: str = ""
    limit: int = 0
    continue_token: str = ""
    bookmarks: bool = False
    send_initial_events: bool | None = None
    timeout_seconds: int | None = None


class _Continuation(msgspec.Struct):
    """What a continue token holds: the revision of the first page (-1: the newest), and the key to go on after."""

    rv: int
    start: str
    v: str = "meta.k8s.io/v1"


def parse_list_options(query: Mapping[str, str], resource: Resource, *, namespace: str, watch: bool) -> ListOptions:
    """Raises StatusError: 400 for what cannot be read, 422 for options that contradict each other."""
    initial = query.get("sendInitialEvents")
    options = ListOptions(
        selection=Selection(
            namespace=namespace,
            labels=parse_label_selector(query.get("labelSelector", "")),
            fields=parse_field_selector(query.get("fieldSelector", ""), resource),
        ),
        resource_version=_resource_version(query.get("resourceVersion", "")),
        match=query.get("resourceVersionMatch", ""),
        limit=_number(query, "limit") or 0,
        continue_token=query.get("continue", ""),
        bookmarks=is_true(query.get("allowWatchBookmarks", "")),
        send_initial_events=None if initial is None else is_true(initial),
        timeout_seconds=_number(query, "timeoutSeconds"),
    )
    causes = list(_watch_faults(options) if watch else _list_faults(options))
    if causes:
        raise invalid_kind("meta.k8s.io", "ListOptions", "", causes)
    return options


def is_true(text: str) -> bool:
    """A boolean of the query. ``?watch`` alone counts as true, as in the real API server."""
    return text.lower() in {"1", "t", "true"}


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise bad_request(f'{name}: Invalid value: "{text}": must be a number')
    return int(text)


def _resource_version(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"resourceVersion: Invalid value: {text!r}: must be a number as the server gave it out")
    return int(text)


def _forbidden(field: str, why: str) -> Cause:
    return Cause(field, "FieldValueForbidden", f"Forbidden: {why}")


def _list_faults(options: ListOptions) -> list[Cause]:
    causes = []
    if options.match:
        causes += _match_faults(options)
    if options.send_initial_events is not None:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _match_faults(options: ListOptions) -> list[Cause]:
    field = "resourceVersionMatch"
    causes = []
    if options.resource_version is None:
        causes.append(_forbidden(field, f"{field} is forbidden unless resourceVersion is provided"))
    if options.continue_token:
        causes.append(_forbidden(field, f"{field} is forbidden when continue is provided"))
    if options.match not in {"Exact", "NotOlderThan"}:
        causes.append(_unsupported(options.match, ("Exact", "NotOlderThan", "")))
    if options.match == "Exact" and options.resource_version == 0:
        causes.append(_forbidden(field, f'{field} "exact" is forbidden for resourceVersion "0"'))
    return causes


def _unsupported(value: str, supported: tuple[str, ...]) -> Cause:
    names = ", ".join(f'"{name}"' for name in supported)
    return Cause(
        "resourceVersionMatch", "FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {names}'
    )


def _watch_faults(options: ListOptions) -> list[Cause]:
    field = "resourceVersionMatch"
    causes = []
    if options.send_initial_events is not None and options.match != "NotOlderThan":
        causes.append(_forbidden(field, f"sendInitialEvents requires setting {field} to NotOlderThan"))
    if options.match and options.send_initial_events is None:
        causes.append(_forbidden(field, f"{field} is forbidden for watch unless sendInitialEvents is provided"))
    if options.match and options.match != "NotOlderThan":
        causes.append(_unsupported(options.match, ("NotOlderThan",)))
    return causes


class Page(msgspec.Struct, frozen=True):
    """What a list is answered with."""

    found: list[Stored]
    metadata: Document


def list_page(store: Store, resource: Resource, options: ListOptions) -> Page:
    """Raises StatusError: 410 for a revision that is forgotten, 504 for one that has not come yet."""
    revision, start = _starting_point(store, resource, options)
    matching = options.selection.matches
    found = [
        stored
        for stored in _state(store, resource, revision, options)
        if stored.key > start and matching(stored.document)
    ]
    metadata: Document = {"resourceVersion": str(revision)}
    # A list at resourceVersion 0 comes from the watch cache, which does not page.
    if options.limit and len(found) > options.limit and options.resource_version != 0:
        if not options.selection.filtered:
            metadata["remainingItemCount"] = len(found) - options.limit
        found = found[: options.limit]
        metadata["continue"] = _token(revision, found[-1].key)
    return Page(found, metadata)


def _starting_point(store: Store, resource: Resource, options: ListOptions) -> tuple[int, str]:
    """The revision to show and the key to start after."""
    if options.continue_token:
        continuation = _read_token(options.continue_token)
        return (store.revision if continuation.rv < 0 else continuation.rv), continuation.start
    asked = options.resource_version
    if asked is not None and asked > store.revision:
        raise too_large_resource_version(asked, store.revision)
    # A page of an old revision, without a match rule, means exactly that revision.
    exact = options.match == "Exact" or (options.limit and asked and not options.match)
    return (asked, "") if exact and asked else (store.revision, "")


def _state(store: Store, resource: Resource, revision: int, options: ListOptions) -> list[Stored]:
    collection = store.collection(resource.storage)
    if revision == store.revision:
        return list(collection.in_order())
    found = collection.as_of(revision)
    if found is None:
        _raise_expired(store, revision, options)
    return found


def _raise_expired(store: Store, revision: int, options: ListOptions) -> NoReturn:
    if not options.continue_token:
        raise expired(f"The resourceVersion for the provided list is too old: {revision} (current: {store.revision})")
    start = _read_token(options.continue_token).start
    raise expired(
        "The provided continue parameter is too old to display a consistent list result. Start a new list without it, "
        "or go on with the token in this answer, which shows the rest as it is now.",
        continue_token=_token(-1, start),
    )


def _token(revision: int, start: str) -> str:
    return base64.urlsafe_b64encode(encode(_Continuation(revision, start))).rstrip(b"=").decode()


def _read_token(token: str) -> _Continuation:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=_Continuation)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise StatusError(400, "BadRequest", f"continue key is not valid: {token!r}") from None
