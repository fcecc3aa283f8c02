"""Strategic merge patch: a merge patch that knows which lists are keyed (``apimachinery/pkg/util/strategicpatch``).

Keys and strategies come from ``schema``. Understood are the directives ``$patch`` (replace, delete, merge),
``$retainKeys``, ``$deleteFromPrimitiveList/<field>`` and ``$setElementOrder/<field>``.
"""

from __future__ import annotations

from typing import Any

from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.schema.fields import FieldType, field_type, fields_of
from scheduler.sandbox.apiserver.statuses import bad_request, internal

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_VALUES = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def strategic_merge(document: Document, patch: Document, definition: str) -> Document:
    """The document (changed in place) with the patch merged in. Raises StatusError (400) for a malformed patch."""
    match patch.get(_DIRECTIVE):
        case "replace":
            return _plain(patch)
        case "delete":
            return {}
        case None | "merge":
            pass
        case other:
            raise bad_request(f"unknown patch type: {other!r}")
    if _RETAIN in patch:
        document = {field: value for field, value in document.items() if field in patch[_RETAIN]}
    for field, value in patch.items():
        if not field.startswith("$"):
            _merge_field(document, field, value, field_type(definition, field), patch.get(_ORDER + field))
    for field, value in patch.items():
        if field.startswith(_DELETE_VALUES):
            name = field.removeprefix(_DELETE_VALUES)
            document[name] = [item for item in document.get(name) or [] if item not in value]
        elif field.startswith(_ORDER) and (name := field.removeprefix(_ORDER)) not in patch and document.get(name):
            document[name] = _ordered(document[name], value, document[name], field_type(definition, name).merge_key)
    return document


def _merge_field(document: Document, field: str, value: Any, kind: FieldType, order: list[Any] | None) -> None:
    if value is None:
        document.pop(field, None)
    elif isinstance(value, dict):
        merged = _merge_object(document.get(field), value, kind)
        if merged or value.get(_DIRECTIVE) != "delete":
            document[field] = merged
        else:
            document.pop(field, None)
    elif isinstance(value, list) and "merge" in kind.strategies:
        old = document.get(field) or []
        merged_list = _merge_list(old, value, kind)
        document[field] = _ordered(merged_list, value if order is None else order, old, kind.merge_key)
    else:
        document[field] = value


def _merge_object(old: Any, patch: Document, kind: FieldType) -> Document:
    if kind.container == "{}":
        return _merge_map(old if isinstance(old, dict) else {}, patch, kind)
    if "replace" in kind.strategies:
        return _plain(patch)
    return strategic_merge(old if isinstance(old, dict) else {}, patch, kind.word)


def _merge_map(old: Document, patch: Document, kind: FieldType) -> Document:
    """A map from names, where each patched value is merged by the map's item type."""
    if patch.get(_DIRECTIVE) == "replace":
        return _plain(patch)
    for key, value in patch.items():
        if value is None:
            old.pop(key, None)
        elif isinstance(value, dict) and fields_of(kind.word):
            old[key] = strategic_merge(old.get(key) or {}, value, kind.word)
        elif key != _DIRECTIVE:
            old[key] = value
    return old


def _merge_list(old: list[Any], patch: list[Any], kind: FieldType) -> list[Any]:
    if not kind.merge_key:
        return [*old, *(value for value in patch if value not in old)]
    if any(item.get(_DIRECTIVE) == "replace" for item in patch):
        return [_plain(item) for item in patch if item.get(_DIRECTIVE) != "replace"]
    merged = list(old)
    for item in patch:
        key = item.get(kind.merge_key)
        if key is None:
            raise internal(f"map: {item} does not contain declared merge key: {kind.merge_key}")
        place = next((index for index, known in enumerate(merged) if known.get(kind.merge_key) == key), None)
        if item.get(_DIRECTIVE) == "delete":
            merged = [known for known in merged if known.get(kind.merge_key) != key]
        elif place is None:
            merged.append(strategic_merge({}, item, kind.word))
        else:
            merged[place] = strategic_merge(merged[place], item, kind.word)
    return merged


def _ordered(items: list[Any], order: list[Any], before: list[Any], merge_key: str) -> list[Any]:
    """The items of the order in its order, and among them the others, each before those that it was before.

    An item that was not there before stands in front of the others that are left.
    """

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key else item

    wanted = [identity(item) for item in order]
    places = [identity(item) for item in before]
    ordered = sorted(
        (item for item in items if identity(item) in wanted), key=lambda item: wanted.index(identity(item))
    )
    others = [item for item in items if identity(item) not in wanted]
    result: list[Any] = []
    while ordered and others:
        mine, theirs = identity(ordered[0]), identity(others[0])
        other_first = mine in places and theirs in places and places.index(theirs) < places.index(mine)
        result.append(others.pop(0) if other_first else ordered.pop(0))
    return result + ordered + others


def _plain(patch: Document) -> Document:
    """The patch without its directives."""
    return {field: value for field, value in patch.items() if not field.startswith("$")}
