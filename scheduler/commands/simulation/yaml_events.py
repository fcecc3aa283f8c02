"""YAML documents from the parser's events: ten times as fast as a loader, for files as large as a cluster.

Owns the shortcut only: what plain text means is asked of PyYAML's own rules, once per distinct text. Anchors, aliases
and tags, which nothing that prints a cluster writes, raise ``NotPlain``: then a loader reads the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

_STARTS = (yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotPlain(Exception):
    """The text uses more of YAML than objects, lists and values."""


def read_documents(text: bytes) -> Iterator[Any]:
    """Every document, empty ones included. Raises NotPlain, yaml.YAMLError."""
    events = yaml.parse(text, Loader=_LOADER)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield _value(next(events), events)


def load_documents(text: bytes) -> Iterator[Any]:
    """The same by a loader, with all of YAML. Raises yaml.YAMLError."""
    documents: Iterator[Any] = yaml.load_all(text, Loader=_LOADER)
    return documents


def _value(event: yaml.Event, events: Iterator[yaml.Event]) -> Any:
    if not isinstance(event, _STARTS) or event.anchor is not None or event.tag is not None:
        raise NotPlain
    if isinstance(event, yaml.ScalarEvent):
        return _plain(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_value(item, events))
        return items
    fields = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        name = _value(key, events)
        if name == "<<" or isinstance(name, dict | list):
            raise NotPlain
        fields[name] = _value(next(events), events)
    return fields


_resolver: Any = yaml.resolver.Resolver()


@lru_cache(maxsize=65536)
def _plain(text: str) -> Any:
    """What a value without quotes stands for: a number, a truth value, nothing, a time, or its text."""
    tag = _resolver.resolve(yaml.ScalarNode, text, (True, False))
    return yaml.constructor.SafeConstructor().construct_object(yaml.ScalarNode(tag, text))
