"""Bodies in protobuf, which kubectl sends for the kinds it knows (``kubectl create secret``, ``kubectl drain``).

Decoded into what the JSON would have been, along ``fields``. Answers are JSON always; clients accept both. The
envelope is apimachinery's ``runtime.Unknown`` behind the four bytes ``k8s\\0``.

Go writes a field that is no pointer even when it holds nothing, so an empty text, a zero and a false count as absent
here. (Of a pointer that would be a statement: what nobody can send this way is ``replicas: 0``, or a false that differs
from its default.)
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from scheduler.sandbox.apiserver.documents import Document, decode
from scheduler.sandbox.apiserver.schema.fields import FieldType, definition_of, fields_of, read_type
from scheduler.sandbox.apiserver.statuses import StatusError, bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"


def parse_protobuf(body: bytes) -> Document:
    """The object in the envelope, with kind and apiVersion. Raises StatusError (400)."""
    if not body.startswith(_MAGIC):
        raise _unrecognized("it does not begin with k8s\\0")
    try:
        envelope = dict(_wire(body[len(_MAGIC) :]))
        names = dict(_wire(envelope.get(1, b"")))
        api_version, kind = names.get(1, b"").decode(), names.get(2, b"").decode()
        definition = "DeleteOptions" if kind == "DeleteOptions" else definition_of(api_version, kind)
        return {"kind": kind, "apiVersion": api_version} | _message(envelope.get(2, b""), definition)
    except KeyError as error:
        raise bad_request(f"no kind {error} is registered") from error
    except (ValueError, TypeError, IndexError, struct.error, AttributeError) as error:
        raise _unrecognized(str(error)) from error


def _unrecognized(why: str) -> StatusError:
    return bad_request(f"the object provided is unrecognized (must be of type protobuf): {why}")


def _wire(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and raw values: int of a varint or fixed number, bytes of the rest."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        value: int | bytes
        match key & 7:
            case 0:
                value, position = _varint(data, position)
            case 1:
                value, position = struct.unpack_from("<Q", data, position)[0], position + 8
            case 2:
                size, position = _varint(data, position)
                if position + size > len(data):
                    raise ValueError("it is cut off")
                value, position = data[position : position + size], position + size
            case 5:
                value, position = struct.unpack_from("<I", data, position)[0], position + 4
            case other:
                raise ValueError(f"unknown wire type {other}")
        yield key >> 3, value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7


@cache
def _numbered(definition: str) -> dict[tuple[int, ...], tuple[str, FieldType]]:
    """Path of numbers -> the field."""
    types = {field: read_type(text) for field, text in fields_of(definition).items()}
    return {kind.numbers: (field, kind) for field, kind in types.items() if kind.numbers}


def _message(data: bytes, definition: str, outer: tuple[int, ...] = ()) -> Document:
    fields = _numbered(definition)
    document: Document = {}
    for number, raw in _wire(data):
        path = (*outer, number)
        if path in fields:
            field, kind = fields[path]
            _put(document, field, kind, raw)
        elif isinstance(raw, bytes) and any(known[: len(path)] == path for known in fields):
            document |= _message(raw, definition, path)
    return document


def _put(document: Document, field: str, kind: FieldType, raw: int | bytes) -> None:
    match kind.container:
        case "[]":
            document.setdefault(field, []).append(_value(raw, kind.item))
        case "{}":
            entry = dict(_wire(_as_bytes(raw)))
            value = _value(entry[2], kind.item) if 2 in entry else _zero(kind.item)
            document.setdefault(field, {})[entry.get(1, b"").decode()] = value
        case _:
            value = _value(raw, kind)
            if value not in (None, "", 0):
                document[field] = value


def _zero(kind: FieldType) -> Any:
    return [] if kind.container == "[]" else {} if fields_of(kind.word) else ""


def _value(raw: int | bytes, kind: FieldType) -> Any:
    if kind.container:
        return [_value(item, kind.item) for _, item in _wire(_as_bytes(raw))]
    match kind.word:
        case "integer":
            return raw - 2**64 if isinstance(raw, int) and raw >= 2**63 else raw
        case "boolean":
            return bool(raw)
        case "number":
            return struct.unpack("<d", struct.pack("<Q", raw))[0]
        case "string":
            return _as_bytes(raw).decode()
        case "bytes":
            return base64.b64encode(_as_bytes(raw)).decode()
    inside = dict(_wire(_as_bytes(raw))) if not fields_of(kind.word) else {}
    match kind.word:
        case "quantity":
            return inside.get(1, b"0").decode()
        case "int-or-string":
            return inside.get(3, b"").decode() if inside.get(1) else inside.get(2, 0)
        case "time":
            return _time(inside)
        case "any":
            return decode(inside[1]) if 1 in inside else None
    return _message(_as_bytes(raw), kind.word)


def _as_bytes(raw: int | bytes) -> bytes:
    if isinstance(raw, int):
        raise TypeError("a number where bytes were expected")
    return raw


def _time(inside: dict[int, int]) -> str | None:
    if not inside:
        return None
    moment = datetime.fromtimestamp(inside.get(1, 0), UTC)
    micros = inside.get(2, 0) // 1000
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{micros:06d}Z" if micros else "Z")
