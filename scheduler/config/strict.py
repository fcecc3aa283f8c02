"""How settings are read: YAML into frozen structs, each field checked, and a mistake told in an operator's words.

Owns the base of all groups of settings and the kinds of number they hold. What there is to set is in ``settings`` and
``images``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import yaml


class InvalidSettings(ValueError):
    """The settings cannot be used. The text names the file and the field."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A group of settings, spelt in camel case in the file."""


S = TypeVar("S", bound=Strict)

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Weight = Annotated[int, msgspec.Meta(ge=0, le=100)]


def read_document(path: Path, type_: type[S]) -> S:
    """A YAML file as one struct of settings, each field checked for itself. Raises InvalidSettings."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path}: cannot be read: {error}") from error
    return parse_document(text, str(path), type_)


def parse_document(text: str, source: str, type_: type[S]) -> S:
    """The same from a text; ``source`` names it in errors. Raises InvalidSettings."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidSettings(f"{source}: not YAML: {error}") from error
    try:
        return msgspec.convert({} if document is None else document, type_)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"{source}: {in_words(error, document)}") from error


def kind_of_file(path: Path) -> str:
    """What a YAML file says it is; empty where it does not say, or cannot be read, which its reader will tell."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError):
        return ""
    return str(document.get("kind", "")) if isinstance(document, dict) else ""


def in_words(error: msgspec.ValidationError, document: object) -> str:
    """msgspec says ``Expected `int`, got `str` - at `$.serving.port` ``; people want the field first, and the value."""
    what, _, where = str(error).partition(" - at ")
    path = where.strip("`").removeprefix("$").removeprefix(".")
    unknown = "Object contains unknown field "
    if what.startswith(unknown):
        field = what.removeprefix(unknown).strip("`")
        return f"{path + '.' if path else ''}{field}: unknown field"
    if not path:
        return what.replace("`", "")
    value = "" if "[" in path else f" (value: {_value_at(document, path)!r})"
    return f"{path}: {what.replace('`', '')}{value}"


def _value_at(document: object, path: str) -> object:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document
