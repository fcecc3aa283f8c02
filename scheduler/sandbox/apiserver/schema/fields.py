"""The fields and types of the kinds that are served, and what follows from them: decoding as strict as the real one's.

``schemas.json`` is derived from what Kubernetes publishes by ``derive``. A definition is a dictionary
from field to type, and a type is a word and what merging needs to know:

    string integer number boolean any       as in JSON
    time bytes quantity int-or-string       text in a format, or what the name says
    Container                               another definition
    []Container  {}string                   a list, or a map from strings
    strategy=merge,retainKeys merge=name    how a strategic merge patch treats the field, and a list item's key in it
    keys=containerPort,protocol:TCP  set    the key of a list item for server-side apply, with what is assumed where a
                                            part of it is absent; a list of distinct values
    atomic                                  a map that server-side apply replaces as a whole
    written                                 there even when it is empty: Go's omitempty is not on it, or has no effect
    #3  #2.1                                the field's number in protobuf; the second is one inside an embedded message
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import msgspec

from scheduler.sandbox.apiserver.documents import Document

_EMPTY = {"integer": 0, "number": 0, "int-or-string": 0, "boolean": False, "quantity": "0"}


class FieldType(msgspec.Struct, frozen=True):
    """A type, read. ``word`` is the scalar's or definition's name; for a list or a map it is that of the item."""

    word: str
    container: str = ""
    """``[]``, ``{}``, or nothing."""
    strategies: tuple[str, ...] = ()
    merge_key: str = ""
    apply_keys: tuple[str, ...] = ()
    key_defaults: Mapping[str, str] = {}
    is_set: bool = False
    atomic: bool = False
    written: bool = False
    numbers: tuple[int, ...] = ()

    @property
    def item(self) -> FieldType:
        """The type of one item of a list or of one value of a map."""
        return read_type(self.word)


class _Schemas(msgspec.Struct):
    kinds: dict[str, str]
    definitions: dict[str, dict[str, str]]


@cache
def _schemas() -> _Schemas:
    text = files("scheduler.sandbox.apiserver.schema").joinpath("schemas.json").read_bytes()
    return msgspec.json.decode(text, type=_Schemas)


@lru_cache(maxsize=4096)
def read_type(text: str) -> FieldType:
    shape, *notes = text.split(" ")
    values = dict(note.partition("=")[::2] for note in notes)
    keys = [key.partition(":")[::2] for key in values.get("keys", "").split(",") if key]
    path = next((note[1:] for note in notes if note.startswith("#")), "")
    container = shape[:2] if shape[:2] in {"[]", "{}"} else ""
    return FieldType(
        word=shape.removeprefix(container),
        container=container,
        strategies=tuple(filter(None, values.get("strategy", "").split(","))),
        merge_key=values.get("merge", ""),
        apply_keys=tuple(key for key, _ in keys),
        key_defaults={key: default for key, default in keys if default},
        is_set="set" in values,
        atomic="atomic" in values,
        written="written" in values,
        numbers=tuple(map(int, path.split("."))) if path else (),
    )


def definition_of(api_version: str, kind: str) -> str:
    """The definition's name. Raises KeyError for a kind that is not served."""
    return _schemas().kinds[f"{api_version}/{kind}"]


def fields_of(definition: str) -> Mapping[str, str]:
    """Field -> type of a definition. Empty for a definition with any fields, such as a scalar's name."""
    return _schemas().definitions.get(definition, {})


@cache
def written_fields(definition: str) -> tuple[tuple[str, FieldType], ...]:
    """The fields of a definition that are there even when they are empty."""
    types = ((field, read_type(text)) for field, text in fields_of(definition).items())
    return tuple((field, kind) for field, kind in types if kind.written)


def empty(kind: FieldType) -> Any:
    """What Go writes for an empty value of the type."""
    if kind.container or kind.word == "time":
        return None
    if is_definition(kind.word):
        return empty_object(kind.word)
    return _EMPTY.get(kind.word, "")


def empty_object(definition: str) -> Document:
    """What Go writes of an object that holds nothing."""
    return {field: empty(kind) for field, kind in written_fields(definition)}


def is_definition(word: str) -> bool:
    return word in _schemas().definitions


def definitions() -> Mapping[str, Mapping[str, str]]:
    return _schemas().definitions


def field_type(definition: str, field: str) -> FieldType:
    """The type of a field; ``any`` where the definition does not know it."""
    return read_type(fields_of(definition).get(field, "any"))


def describe(value: Any) -> str:
    """The JSON type of a value, as Go names it in decoding errors."""
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "null"
