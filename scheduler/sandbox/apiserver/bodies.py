"""From a request's body to the document that is to be written, and the options that come with a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.rules.events import to_core
from scheduler.sandbox.apiserver.schema.decoding import conform, parse_body
from scheduler.sandbox.apiserver.schema.fields import definition_of
from scheduler.sandbox.apiserver.statuses import StatusError, bad_request


class WriteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a write."""

    dry_run: bool = False
    field_validation: str = "Warn"
    """What to do about unknown fields: Ignore, Warn (drop and say so) or Strict (refuse)."""
    warnings: list[str] = []
    """What the client is to be told besides the answer, which may be an error. Filled while the write is done."""


class DeleteOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a DELETE may say. ``propagationPolicy`` is accepted and has no effect: nothing here has dependents."""

    grace_period_seconds: int | None = None
    preconditions: Mapping[str, str] = {}
    dry_run: list[str] = []
    propagation_policy: str = ""


class UnknownFields(StatusError):
    """The body has fields that nobody knows, and the client does not want them to be dropped."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(400, "BadRequest", f"strict decoding error: {', '.join(sentences)}")


def parse_write_options(query: Mapping[str, str]) -> WriteOptions:
    """Raises StatusError (400)."""
    dry_run, validation = query.get("dryRun", ""), query.get("fieldValidation", "") or "Warn"
    if dry_run not in {"", "All"}:
        raise bad_request(f'dryRun: Unsupported value: "{dry_run}": supported values: "All"')
    if validation not in {"Ignore", "Warn", "Strict"}:
        raise bad_request(f'fieldValidation: Unsupported value: "{validation}": it is Ignore, Strict or Warn')
    return WriteOptions(dry_run=dry_run == "All", field_validation=validation)


def parse_delete_options(query: Mapping[str, str], body: bytes, content_type: str) -> DeleteOptions:
    """The body's options, and where it has none, the query's. Raises StatusError (400, 415)."""
    try:
        if body:
            return msgspec.convert(parse_body(body, content_type), DeleteOptions)
        grace = query.get("gracePeriodSeconds")
        return DeleteOptions(
            grace_period_seconds=None if grace is None else int(grace),
            dry_run=[query["dryRun"]] if query.get("dryRun") else [],
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise bad_request(f"invalid DeleteOptions: {error}") from error


def conforming(resource: Resource, value: Any, options: WriteOptions) -> Document:
    """The document in its stored form; the options get warnings for the client. Raises StatusError (400)."""
    document = without_type(value, resource.api_version, resource.kind)
    unknown = [
        f'unknown field "{field}"' for field in conform(document, definition_of(resource.api_version, resource.kind))
    ]
    if unknown and options.field_validation == "Strict":
        raise UnknownFields(unknown)
    if options.field_validation == "Warn":
        options.warnings.extend(unknown)
    document.setdefault("metadata", {}).pop("managedFields", None)
    document["metadata"].pop("selfLink", None)
    if resource.storage == "events" and resource.group:
        document = to_core(document)
        conform(document, definition_of("v1", "Event"))
    return document


def without_type(value: Any, api_version: str, kind: str) -> Document:
    """The object without kind and apiVersion, which must be those of the URL. Raises StatusError (400)."""
    if not isinstance(value, dict):
        raise bad_request("the body of the request is not an object")
    for field, expected in (("kind", kind), ("apiVersion", api_version)):
        if (given := value.get(field) or expected) != expected:
            raise bad_request(
                f"the object provided is unrecognized: its {field} is {given}, and the URL is that of {expected}"
            )
    return {field: content for field, content in value.items() if field not in {"kind", "apiVersion"}}
