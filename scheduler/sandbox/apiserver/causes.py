"""What can be wrong with a field, said as the API server's validation says it (``util/validation/field``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scheduler.sandbox.apiserver.documents import encode
from scheduler.sandbox.apiserver.names import Format
from scheduler.sandbox.apiserver.statuses import Cause


def required(field: str, detail: str = "") -> Cause:
    return Cause(field, "FieldValueRequired", f"Required value: {detail}" if detail else "Required value")


def invalid_value(field: str, value: Any, detail: str) -> Cause:
    return Cause(field, "FieldValueInvalid", f"Invalid value: {encode(value).decode()}: {detail}")


def duplicate(field: str, value: Any) -> Cause:
    return Cause(field, "FieldValueDuplicate", f"Duplicate value: {encode(value).decode()}")


def forbidden_value(field: str, detail: str) -> Cause:
    return Cause(field, "FieldValueForbidden", f"Forbidden: {detail}")


def not_supported(field: str, value: Any, supported: Iterable[str]) -> Cause:
    names = ", ".join(f'"{name}"' for name in sorted(supported))
    return Cause(
        field, "FieldValueNotSupported", f"Unsupported value: {encode(value).decode()}: supported values: {names}"
    )


def immutable(field: str, value: Any) -> Cause:
    return invalid_value(field, value, "field is immutable")


def check_format(field: str, value: str, format_: Format) -> Iterator[Cause]:
    if (fault := format_(value)) is not None:
        yield invalid_value(field, value, fault)
