"""docs/configuration.md, made from the settings themselves: every field with its type, its default and its meaning.

Run as a program, it writes the file; a test compares.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from extender.settings import ExtenderSettings
from scheduler.config.settings import Settings
from scheduler.plugins.arguments import ImagePlatformArgs

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"

Row = tuple[str, str, str, str]
"""Field, type, default, meaning."""

_OWN_DEFAULT = re.compile(r" ?Default: [\w./-]+\.$")

HEAD = """\
# Configuration

Made from the code by `python -m tests.docs.configuration`. All files are YAML and read strictly: an unknown field, a
wrong type or a value out of range stops the start, with the file, the field and the value in the message.
`multiarch-scheduler check-config FILE` does the same without a cluster.

## What pods, namespaces and nodes say

| where | what | meaning |
|---|---|---|
| label of a namespace | `multiarch-scheduler.io/enabled: "true"` | its pods get the scheduler by themselves ([manifests/opt-in](../manifests/opt-in/policy.yaml)) |
| label of a pod | `multiarch-scheduler.io/enabled: "false"` | this one does not |
| annotation of a pod or a namespace | `multiarch-scheduler.io/unknown-images` | `wait`, `open`, `closed` or `assume:<platforms>`, while an image cannot be read ([image-platforms.md](image-platforms.md)) |
| label of a node | `multiarch-scheduler.io/variant` | its CPU's variant, where the default is wrong: `v6`, `v9`, or an amd64 level such as `v3` |
| label of a node | `multiarch-scheduler.io/fallback` | `"true"`: containerd there takes 386 for amd64 and lower variants out of an index |
| label of a node | `multiarch-scheduler.io/arm32` | `"true"`: the arm64 CPU there runs 32-bit programs |
"""  # noqa: E501 - rows of a table


PROFILES = """\
## Profiles

`schedulerConfiguration` names a KubeSchedulerConfiguration (`kubescheduler.config.k8s.io/v1`), as kube-scheduler reads
it: profiles, plugins, weights and arguments. The plugin ImagePlatform is ours, and these are its arguments:
"""


def document() -> str:
    parts = [
        HEAD,
        _section("multiarch-scheduler run --config FILE", Settings()),
        _section("multiarch-extender run --config FILE", ExtenderSettings()),
        PROFILES,
        _table(list(_rows(ImagePlatformArgs, "", ImagePlatformArgs()))),
    ]
    return "\n".join(parts)


def _section(command: str, defaults: msgspec.Struct) -> str:
    return f"## `{command}`\n\n" + _table(list(_rows(type(defaults), "", defaults)))


def _table(rows: list[Row]) -> str:
    lines = ["| field | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{field}` | {kind} | {default} | {meaning} |" for field, kind, default, meaning in rows]
    return "\n".join(lines) + "\n"


def _rows(kind: type[msgspec.Struct], path: str, defaults: msgspec.Struct | None) -> Iterator[Row]:
    """``defaults``: what the group is where nothing is said; None where it is not there then."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        name, hint = f"{path}{field.encode_name}", hints[field.name]
        inner = _struct_in(hint)
        default = field.default if defaults is None else getattr(defaults, field.name)
        if inner is None:
            yield name, _type(hint), _default(default), _meaning(kind, field.name)
            continue
        if default is None:
            yield name, "object", "none", _meaning(kind, field.name) or _first_line(inner)
        yield from _rows(inner, f"{name}.", default if isinstance(default, msgspec.Struct) else None)


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    candidates = [hint, *typing.get_args(hint)]
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, msgspec.Struct)), None)


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _WORDS:
        return _WORDS[hint]
    if origin is typing.Annotated:
        return _WORDS[arguments[0]] + _bounds(arguments[1])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if isinstance(hint, types.UnionType):
        return " or ".join(_type(each) for each in arguments if each is not type(None))
    if origin in {list, tuple}:
        return f"list of {_type(arguments[0])}s"
    if origin is dict:
        return f"{_type(arguments[0])} to {_type(arguments[1])}"
    raise TypeError(f"no words for {hint}")


_WORDS: dict[Any, str] = {str: "text", int: "number", float: "number", bool: "true or false"}


def _bounds(meta: msgspec.Meta) -> str:
    words = [
        f"{word} {bound:,}".replace(".0", "")
        for word, bound in (("above", meta.gt), ("from", meta.ge), ("to", meta.le), ("below", meta.lt))
        if bound is not None
    ]
    return f" {' '.join(words)}" if words else ""


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "has to be given"
    if value in ([], {}, ()):
        return "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value if value != '' else chr(34) * 2}`"


def _meaning(kind: type[msgspec.Struct], field: str) -> str:
    for owner in kind.__mro__:
        text = _meanings(owner).get(field)
        if text is not None:
            plain = " ".join(text.replace("``", "`").split()).replace("|", "\\|")
            return _OWN_DEFAULT.sub("", plain)  # which has a column of its own
    return ""


@cache
def _meanings(owner: type) -> dict[str, str]:
    """The sentence below each field of a class."""
    if owner.__module__.split(".")[0] not in {"scheduler", "extender"}:
        return {}
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for line, after in zip(tree.body, tree.body[1:], strict=False):
        match line, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
    return found


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").split("\n", 1)[0]


if __name__ == "__main__":
    DOCUMENT.write_text(document())
