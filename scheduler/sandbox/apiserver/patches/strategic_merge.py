"""Strategic merge patch: a merge patch that knows which lists are keyed (``apimachinery/pkg/util/strategicpatch``).

Keys and strategies come from ``schema``. Understood are the directives ``$patch`` (replace, delete, merge),
``$retainKeys``, ``$deleteFromPrimitiveList/<field>`` and ``$setElementOrder/<field>``.
"""

from __future__ import annotations

from typing import Any

from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.schema.fields import FieldType, field_type, fields_of
from scheduler.sandbox.apiserver.statuses import bad_request

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
    for field, value in patch.items():
        if not field.startswith("$"):
            _merge_field(document, field, value, field_type(definition, field))
    for field, value in patch.items():
        if field.startswith(_DELETE_VALUES):
            name = field.removeprefix(_DELETE_VALUES)
            document[name] = [item for item in document.get(name) or [] if item not in value]
        elif field.startswith(_ORDER):
            name = field.removeprefix(_ORDER)
            if document.get(name):
                document[name] = _ordered(document[name], value, field_type(definition, name).merge_key)
    if _RETAIN in patch:
        return {field: value for field, value in document.items() if field in patch[_RETAIN]}
    return document


def _merge_field(document: Document, field: str, value: Any, kind: FieldType) -> None:
    if value is None:
        document.pop(field, None)
    elif isinstance(value, dict):
        merged = _merge_object(document.get(field), value, kind)
        if merged or value.get(_DIRECTIVE) != "delete":
            document[field] = merged
        else:
            document.pop(field, None)
    elif isinstance(value, list) and "merge" in kind.strategies:
        document[field] = _merge_list(document.get(field) or [], value, kind)
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
            raise bad_request(f"map: {item} does not contain declared merge key: {kind.merge_key}")
        place = next((index for index, known in enumerate(merged) if known.get(kind.merge_key) == key), None)
        if item.get(_DIRECTIVE) == "delete":
            merged = [known for known in merged if known.get(kind.merge_key) != key]
        elif place is None:
            merged.append(strategic_merge({}, item, kind.word))
        else:
            merged[place] = strategic_merge(merged[place], item, kind.word)
    return merged


def _ordered(items: list[Any], order: list[Any], merge_key: str) -> list[Any]:
    """The items that the patch orders in its order; the others stay before whatever they were before."""

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key else item

    wanted = [identity(item) for item in order]
    place = {repr(identity(item)): index for index, item in enumerate(items)}
    ordered = sorted(
        (item for item in items if identity(item) in wanted), key=lambda item: wanted.index(identity(item))
    )
    others = [item for item in items if identity(item) not in wanted]
    result: list[Any] = []
    while ordered and others:
        other_first = place[repr(identity(others[0]))] < place[repr(identity(ordered[0]))]
        result.append(others.pop(0) if other_first else ordered.pop(0))
    return result + ordered + others


def _plain(patch: Document) -> Document:
    """The patch without its directives."""
    return {field: value for field, value in patch.items() if not field.startswith("$")}
