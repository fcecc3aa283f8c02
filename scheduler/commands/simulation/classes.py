"""The objects that pods and claims name a class by, as far as admission reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from scheduler.api.meta import ObjectMeta, WireStruct
from scheduler.api.pod import ResourceList
from scheduler.api.storage import StorageClass
from scheduler.commands.simulation.documents import Sourced
from scheduler.commands.snapshot import InvalidObject, in_words

PREEMPTS = "PreemptLowerPriority"


class PriorityClass(WireStruct):
    metadata: ObjectMeta
    value: int = 0
    global_default: bool = False
    preemption_policy: str = PREEMPTS


class Overhead(WireStruct):
    pod_fixed: ResourceList = {}


class Scheduling(WireStruct):
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, Any]] = []


class RuntimeClass(WireStruct):
    metadata: ObjectMeta
    overhead: Overhead = msgspec.field(default_factory=Overhead)
    scheduling: Scheduling = msgspec.field(default_factory=Scheduling)


C = TypeVar("C", PriorityClass, RuntimeClass, StorageClass)


def classes(kind: type[C], objects: Iterable[Sourced]) -> dict[str, C]:
    """All of a kind, by name. Raises InvalidObject."""
    found: dict[str, C] = {}
    for sourced in objects:
        if sourced.kind == kind.__name__:
            try:
                read = msgspec.convert(sourced.as_object(), kind)
            except msgspec.ValidationError as error:
                raise InvalidObject(f"{sourced.where} ({sourced.kind}): {in_words(error)}") from error
            found[read.metadata.name] = read
    return found
