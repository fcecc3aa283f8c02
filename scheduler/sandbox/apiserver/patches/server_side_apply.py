"""Server-side apply, as far as one manager needs it: the applied fields are merged in, always with force.

No field ownership is kept (``managedFields``), so there are no conflicts, and a field that is dropped from a manifest
stays in the object. Lists are merged by the keys of ``schema``, as the real server does.
"""

from __future__ import annotations

from typing import Any

from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.schema.fields import FieldType, field_type


def apply_configuration(document: Document, applied: Document, definition: str) -> Document:
    """The document (changed in place) with the applied fields in it."""
    for field, value in applied.items():
        document[field] = _merged(document.get(field), value, field_type(definition, field))
    return document


def _merged(old: Any, new: Any, kind: FieldType) -> Any:
    if isinstance(old, dict) and isinstance(new, dict) and not kind.atomic:
        if kind.container == "{}":
            return old | new
        return apply_configuration(old, new, kind.word)
    if isinstance(old, list) and isinstance(new, list):
        if kind.apply_keys:
            return _merged_items(old, new, kind)
        if kind.is_set:
            return [*old, *(value for value in new if value not in old)]
    return new


def _merged_items(old: list[Document], new: list[Document], kind: FieldType) -> list[Document]:
    def identity(item: Document) -> tuple[Any, ...]:
        return tuple(item.get(key, kind.key_defaults.get(key)) for key in kind.apply_keys)

    merged = {identity(item): item for item in old}
    for item in new:
        known = merged.get(identity(item))
        merged[identity(item)] = item if known is None else apply_configuration(known, item, kind.word)
    return list(merged.values())
