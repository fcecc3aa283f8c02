"""Benchmark workloads as data: reads ``bench/workloads/*.yaml``, after the shapes of upstream's scheduler_perf.

Owns the format and what a file becomes: steps, each an operation with its count and a template that makes objects as
JSON. What a step does to a scheduler is the runner's business (``bench.runner`` for the decision core alone). The
format is described in ``bench/workloads/README.md``.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

FOLDER = Path(__file__).with_suffix("")
DEFAULT_PLATFORMS = ("linux/amd64", "linux/arm64")
DEFAULT_PARAMS: Mapping[str, str | int] = {"registry": "registry.example"}

Count = int | str
"""A number, or ``$name`` for that parameter of the size."""
Turns = dict[str, list[Any] | Count]
"""What a placeholder stands for, object by object: a list takes turns, a number counts from 0 up to it and anew."""
Object = dict[str, Any]


class InvalidWorkload(ValueError):
    """A file that cannot be read. The text names the file and what is wrong."""


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op"):
    """``template`` is a file in ``templates``, ``patch`` is laid over its object, ``turns`` over its turns."""

    template: str = ""
    patch: Object = {}
    turns: Turns = {}


class CreateNodes(Operation, frozen=True, tag="createNodes"):
    """Nodes join."""

    count: Count = 1


class CreateAny(Operation, frozen=True, tag="createAny"):
    """Objects of any kind that the scheduler reads: claims, volumes, owners of pods, pods that are placed already."""

    count: Count = 1


class CreatePods(Operation, frozen=True, tag="createPods"):
    """Pods that the scheduler places, unmeasured: to fill the cluster, or to make it know the pods' classes."""

    count: Count = 1


class MeasurePods(Operation, frozen=True, tag="measurePods"):
    """Pods that the scheduler decides about, measured."""

    count: Count = 1
    outcome: Literal["placed", "unschedulable"] = "placed"


class Churn(Operation, frozen=True, tag="churn"):
    """What happens beside the measured pods that follow: one step for ``every`` so many of them.

    ``create``: one object more. ``recreate``: one more, and from the ``number``-th on the oldest of them goes.
    ``delete``: the pod goes that the scheduler placed longest ago; needs no template.
    """

    mode: Literal["create", "recreate", "delete"] = "recreate"
    every: int = 1
    number: int = 1


AnyOperation = CreateNodes | CreateAny | CreatePods | MeasurePods | Churn


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file. ``wanted``: decisions a second at 5,000 nodes on one core. ``images``: repository glob -> platforms."""

    name: str
    title: str
    sizes: list[dict[str, int]]
    """Parameters; ``nodes`` is always among them."""
    ops: list[AnyOperation]
    wanted: int | None = None
    images: dict[str, list[str]] = {}

    def platforms_of(self, repository: str) -> tuple[str, ...]:
        """What an image is built for, by its repository without the registry."""
        for pattern, platforms in self.images.items():
            if fnmatch.fnmatchcase(repository, pattern):
                return tuple(platforms)
        return DEFAULT_PLATFORMS

    def size(self, nodes: int) -> dict[str, int]:
        """The parameters for so many nodes. Raises InvalidWorkload."""
        for params in self.sizes:
            if params["nodes"] == nodes:
                return params
        raise InvalidWorkload(f"{self.name} has no size of {nodes} nodes")

    def steps(self, params: Mapping[str, str | int]) -> list[Step]:
        """The operations with everything filled in. Raises InvalidWorkload for a parameter that is missing."""
        values = {**DEFAULT_PARAMS, **params}
        steps: list[Step] = []
        made: Counter[str] = Counter()
        for op in self.ops:
            template = _template(self.name, op, values)
            count = 0 if isinstance(op, Churn) else int(_value(self.name, op.count, values))
            steps.append(Step(op, count, template, made[template.kind]))
            made[template.kind] += count
        return steps


class Template:
    """Makes objects that differ in what their placeholders stand for."""

    def __init__(self, document: Object, turns: Mapping[str, Sequence[Any] | int], values: Mapping[str, str | int]):
        self.kind: str = document.get("kind", "")
        pieces = _PLACEHOLDER.split(json.dumps(document))
        self._texts = pieces[::3]
        self._names = [(whole or within, bool(whole)) for whole, within in zip(pieces[1::3], pieces[2::3], strict=True)]
        self._turns = turns
        self._values = values

    def make(self, index: int, turn: int) -> bytes:
        """An object as JSON: the ``index``-th of its kind in the workload, the ``turn``-th of its operation."""
        names = {name for name, _ in self._names}
        values = {name: json.dumps(self._stands_for(name, index, turn)) for name in names}
        parts = [self._texts[0]]
        for (name, whole), text in zip(self._names, self._texts[1:], strict=True):
            parts.append(values[name] if whole else values[name].strip('"'))
            parts.append(text)
        return "".join(parts).encode()

    def _stands_for(self, name: str, index: int, turn: int) -> Any:
        if name == "index":
            return index
        choices = self._turns.get(name)
        if choices is None:
            return self._values[name]
        return turn % choices if isinstance(choices, int) else choices[turn % len(choices)]


_PLACEHOLDER = re.compile(r'"\$\{(\w+)\}"|\$\{(\w+)\}')
"""``"${name}"`` as a whole string becomes the value, whatever it is; within a string it becomes its text."""


@dataclass(frozen=True, slots=True)
class Step:
    """``first``: how many objects of this kind the steps before have made, so that names differ."""

    op: AnyOperation
    count: int
    template: Template
    first: int

    def objects(self) -> Iterator[bytes]:
        """All that the step makes, as JSON."""
        for turn in range(self.count):
            yield self.template.make(self.first + turn, turn)


def names() -> list[str]:
    """Of all workloads, in the order of their files."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str) -> Workload:
    """The workload of a file. Raises InvalidWorkload."""
    path = FOLDER / f"{name}.yaml"
    try:
        workload = msgspec.convert(_read(path), Workload)
    except msgspec.ValidationError as error:
        raise InvalidWorkload(f"{path.name}: {error}") from error
    if workload.name != name:
        raise InvalidWorkload(f"{path.name}: its name is {workload.name}, not that of the file")
    if not workload.sizes or any("nodes" not in size for size in workload.sizes):
        raise InvalidWorkload(f"{path.name}: every size must say how many nodes")
    return workload


def _template(workload: str, op: AnyOperation, values: Mapping[str, str | int]) -> Template:
    if not op.template:
        return Template({}, {}, values)
    source = _read(FOLDER / "templates" / op.template)
    if set(source) - {"object", "turns"} or "object" not in source:
        raise InvalidWorkload(f"{op.template}: a template has an object and turns")
    document = _repeated(_patched(source["object"], op.patch))
    turns = {
        name: choices if isinstance(choices, list) else int(_value(workload, choices, values))
        for name, choices in {**source.get("turns", {}), **op.turns}.items()
    }
    known = {"index", *turns, *values}
    unknown = {whole or within for whole, within in _PLACEHOLDER.findall(json.dumps(document))} - known
    if unknown:
        raise InvalidWorkload(f"{workload}: nothing says what {', '.join(sorted(unknown))} in {op.template} stands for")
    return Template(document, turns, values)


def _value(workload: str, count: Count, values: Mapping[str, str | int]) -> str | int:
    if isinstance(count, int):
        return count
    if count.startswith("$") and count[1:] in values:
        return values[count[1:]]
    raise InvalidWorkload(f"{workload}: {count} is no parameter")


def _patched(below: Any, above: Any) -> Any:
    """Mappings are merged, everything else is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _patched(below.get(key), value) for key, value in above.items()}}


def _repeated(value: Any) -> Any:
    """``{repeat: n, of: x}`` is a list of n times x, in which ``${item}`` counts."""
    if isinstance(value, list):
        return [_repeated(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"repeat", "of"}:
        text = json.dumps(value["of"])
        return [json.loads(text.replace("${item}", str(item))) for item in range(value["repeat"])]
    return {key: _repeated(item) for key, item in value.items()}


@cache
def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InvalidWorkload(f"{path.name}: {error}") from error
