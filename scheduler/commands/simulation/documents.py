"""The objects in files: as ``kubectl get ... -o yaml`` (or json) prints them, or as people write them.

Owns how files become single objects: several documents in a file, lists of objects, JSON and YAML; and the name by
which an error tells where an object stands. What the objects mean is for ``commands.snapshot`` and ``workloads`` to
say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from scheduler.commands.simulation.yaml_events import NotPlain, load_documents, read_documents
from scheduler.commands.snapshot import InvalidObject, in_words

STDIN = "-"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sourced:
    """One object. ``where``: its file, and its place in it, for errors."""

    where: str
    kind: str
    document: msgspec.Raw

    def as_object(self) -> Object:
        """As plain values, without the fields that hold nothing, which are as good as absent."""
        found: Object = _without_nulls(msgspec.json.decode(self.document))
        return found


def read_objects(path: str) -> Iterator[Sourced]:
    """Every object in a file, or in standard input for ``-``. Raises InvalidObject, which names the place."""
    source = "standard input" if path == STDIN else path
    try:
        text = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise InvalidObject(f"{source}: cannot be read: {error.strerror}") from error
    number = 0
    for number, document in enumerate(_documents(text, source), 1):
        if document is not None:
            yield from _objects(document, f"{source}: document {number}")
    if not number:
        raise InvalidObject(f"{source}: is empty")


def _documents(text: bytes, source: str) -> Iterator[msgspec.Raw | None]:
    """Each as JSON; None for one that holds nothing."""
    if text.lstrip()[:1] == b"{":
        try:
            yield msgspec.json.decode(text, type=msgspec.Raw)
        except msgspec.DecodeError:
            pass  # YAML may begin so as well
        else:
            return
    number = 1
    try:
        for document in _values(text):
            yield None if document is None else msgspec.Raw(msgspec.json.encode(_without_nulls(document)))
            number += 1
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise InvalidObject(f"{source}: document {number}{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise InvalidObject(f"{source}: document {number}: not YAML that JSON can say: {error}") from error


def _values(text: bytes) -> Iterator[Any]:
    found: list[Any] = []
    try:
        found.extend(read_documents(text))
    except NotPlain:
        yield from load_documents(text)
        return
    except yaml.YAMLError:
        yield from found  # so that the document that is wrong can be counted
        raise
    yield from found


class _Item(msgspec.Struct):
    kind: str = ""
    items: msgspec.Raw = msgspec.Raw(b"")


def _objects(document: msgspec.Raw, where: str) -> Iterator[Sourced]:
    """The object, or those of a list, whose own kind ends in List."""
    try:
        read = msgspec.json.decode(document, type=_Item)
        if not read.kind:
            raise InvalidObject(f"{where}: kind: is missing")
        if not read.items or not read.kind.endswith("List"):
            yield Sourced(where, read.kind, document)
            return
        items = msgspec.json.decode(read.items, type=list[msgspec.Raw] | None) or []
    except msgspec.DecodeError as error:
        raise InvalidObject(f"{where}: {in_words(error)}") from error
    for i, item in enumerate(items):
        # the API leaves the kind of a list's items out, and kubectl writes it
        yield from _item(item, f"{where}, items[{i}]", read.kind.removesuffix("List"))


def _item(item: msgspec.Raw, where: str, kind: str) -> Iterator[Sourced]:
    try:
        own = msgspec.json.decode(item, type=_Item).kind or kind
    except msgspec.DecodeError as error:
        raise InvalidObject(f"{where}: {in_words(error)}") from error
    if not own:
        raise InvalidObject(f"{where}: kind: is missing")
    yield Sourced(where, own, item)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
