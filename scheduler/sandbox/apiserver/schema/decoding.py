"""A request's body (JSON, YAML, protobuf) becomes a document: types checked, fields known, quantities canonical.

The real server gets this from decoding into Go structs. Here it is a walk along ``schema``: what a Go field could not
hold is 400, and what no Go field takes is dropped with a warning, or 400 as well when the client asked for
``fieldValidation=Strict`` (which is how kubectl finds a misspelt field).
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

import msgspec
import yaml

from scheduler.api.quantity import InvalidQuantity
from scheduler.sandbox.apiserver.documents import Document, decode
from scheduler.sandbox.apiserver.schema.canonical_quantity import canonical
from scheduler.sandbox.apiserver.schema.fields import (
    FieldType,
    describe,
    empty,
    fields_of,
    is_definition,
    read_type,
    written_fields,
)
from scheduler.sandbox.apiserver.schema.protobuf import MEDIA_TYPE, parse_protobuf
from scheduler.sandbox.apiserver.statuses import StatusError, bad_request, unsupported_media_type

_MEDIA_TYPES = ("application/json", "application/yaml", MEDIA_TYPE)
_GO_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def parse_body(body: bytes, content_type: str) -> Any:
    """The JSON value of a body. Raises StatusError (400, 415)."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == MEDIA_TYPE:
        return parse_protobuf(body)
    if media_type.endswith("yaml"):
        return parse_yaml(body)
    if media_type in {"", "application/json"} or media_type.endswith("+json"):
        try:
            return decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise bad_request(f"the object provided is unrecognized (must be of type JSON): {error}") from error
    raise unsupported_media_type(media_type, ", ".join(_MEDIA_TYPES))


def parse_yaml(body: bytes) -> Any:
    try:
        return yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type YAML): {error}") from error


def conform(document: Document, definition: str) -> list[str]:
    """Make the document in place what the definition allows; return the dotted names of the fields dropped for it.

    Raises StatusError (400) for a value of the wrong type. Empty fields come and go as Go writes them: nulls and empty
    lists are left out, and what Go never leaves out is put in.
    """
    walk = _Walk()
    walk.fields(document, definition, "")
    return walk.unknown


class _Walk:
    def __init__(self) -> None:
        self.unknown: list[str] = []

    def fields(self, document: Document, definition: str, path: str) -> None:
        known = fields_of(definition)
        for field in list(document):
            text = known.get(field)
            where = f"{path}.{field}" if path else field
            if text is None:
                self.unknown.append(where)
                del document[field]
                continue
            self._field(document, field, read_type(text), where)
        for field, kind in written_fields(definition):
            if field not in document:
                document[field] = empty(kind)

    def _field(self, document: Document, field: str, kind: FieldType, where: str) -> None:
        value = document[field]
        if value is not None:
            document[field] = self._value(value, kind, where)
        if value is None or (kind.container and not value):
            del document[field]

    def _value(self, value: Any, kind: FieldType, where: str) -> Any:
        match kind.container:
            case "[]":
                if not isinstance(value, list):
                    raise _mismatch(value, "array", where)
                return [self._value(item, kind.item, f"{where}[{index}]") for index, item in enumerate(value)]
            case "{}":
                if not isinstance(value, dict):
                    raise _mismatch(value, "object", where)
                return {key: self._value(item, kind.item, f"{where}.{key}") for key, item in value.items()}
        if is_definition(kind.word):
            if fields_of(kind.word):
                if not isinstance(value, dict):
                    raise _mismatch(value, "object", where)
                self.fields(value, kind.word, where)
            return value
        return _scalar(value, kind.word, where)


def _scalar(value: Any, word: str, where: str) -> Any:
    match word:
        case "any":
            return value
        case "int-or-string":
            if isinstance(value, str) or type(value) is int:
                return value
            raise _mismatch(value, word, where)
        case "quantity":
            return _quantity(value, where)
        case "time":
            return _time(value, where)
        case "bytes":
            return _bytes(value, where)
    wanted = _GO_TYPES[word]
    if not isinstance(value, wanted) or (word in {"integer", "number"} and isinstance(value, bool)):
        raise _mismatch(value, word, where)
    return value


def _quantity(value: Any, where: str) -> str:
    try:
        if isinstance(value, str) or type(value) in {int, float}:
            return canonical(value)
    except InvalidQuantity as error:
        raise bad_request(f"quantities must be numbers with a known suffix: {where}: {error}") from error
    raise _mismatch(value, "quantity", where)


def _time(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, "time", where)
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise bad_request(f"{where}: parsing time {value!r}: {error}") from error
    return value


def _bytes(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, "bytes", where)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"{where}: illegal base64 data") from error
    return value


def _mismatch(value: Any, wanted: str, where: str) -> StatusError:
    return bad_request(f"json: cannot unmarshal {describe(value)} into field {where} of type {wanted}")
