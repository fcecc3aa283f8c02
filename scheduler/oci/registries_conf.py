"""containers' `registries.conf` (version 2): mirrors, rewritten and blocked registries, short names.

Owns the reading of the file and its drop-ins, and the rules of containers/image (`pkg/sysregistriesv2`): the table
with the longest matching prefix applies alone. Which of the places is asked, and how, is `mirrors`. A file that
cannot be understood stops the start, naming the field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from scheduler.oci.settings import InvalidRegistrySettings

PullFrom = Literal["all", "digest-only", "tag-only"]


class InvalidRegistriesConf(InvalidRegistrySettings):
    """The message names the file and the field."""


class Mirror(msgspec.Struct, frozen=True, rename="kebab"):
    """A place that stands in for a registry."""

    location: str
    insecure: bool = False
    pull_from_mirror: PullFrom = "all"

    def serves(self, *, by_digest: bool) -> bool:
        return self.pull_from_mirror == "all" or (self.pull_from_mirror == "digest-only") == by_digest


class Registry(msgspec.Struct, frozen=True, rename="kebab"):
    """One `[[registry]]`."""

    prefix: str = ""
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirror_by_digest_only: bool = False
    mirror: tuple[Mirror, ...] = ()

    @property
    def key(self) -> str:
        return self.prefix or self.location

    def rewritten(self, name: str, location: str) -> str:
        """The full name of an image with the matched prefix replaced; an empty location leaves it."""
        length = match_prefix(name, self.key)
        return location + name[length:] if location and length is not None else name


class _Document(msgspec.Struct, rename="kebab"):
    unqualified_search_registries: list[str] | None = None
    short_name_mode: Literal["", "disabled", "permissive", "enforcing"] | None = None
    registry: list[Registry] = []
    aliases: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class RegistriesConf:
    """All files together."""

    registries: tuple[Registry, ...] = ()
    search: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    enforcing: bool = True

    def find(self, name: str) -> Registry | None:
        """The table for a full image name (with tag or digest): the longest prefix."""
        best, longest = None, -1
        for registry in self.registries:
            length = match_prefix(name, registry.key)
            if length is not None and len(registry.key) > longest:
                best, longest = registry, len(registry.key)
        return best

    def expand(self, image: str) -> tuple[str, ...]:
        """What an image name without a registry may stand for, in order; a full name stands for itself.

        An alias goes before the search registries. Nothing, when there are several of those and the mode is enforcing:
        CRI-O then fails, having no one to ask.
        """
        if not is_short(image):
            return (image,)
        name, mark, rest = _split_name(image)
        alias = self.aliases.get(name)
        if alias is not None:
            return (f"{alias}{mark}{rest}",)
        if len(self.search) > 1 and self.enforcing:
            return ()
        return tuple(f"{registry}/{image}" for registry in self.search) or (image,)


def read_registries_conf(file: Path) -> RegistriesConf:
    """The file, and the `*.conf` files of the directory `<file>.d` in the order of their names.

    Later files replace a table of the same prefix, an alias of the same name, and the other fields as a whole. Raises
    InvalidRegistriesConf.
    """
    files = [file, *sorted(file.with_name(file.name + ".d").glob("*.conf"))]
    registries: dict[str, Registry] = {}
    aliases: dict[str, str] = {}
    search: Iterable[str] = ()
    mode = "enforcing"
    for path in files:
        document = _read(path)
        for registry in document.registry:
            _check(path, registry)
            registries[registry.key] = registry
        aliases |= {name: target for name, target in document.aliases.items() if target}
        search = search if document.unqualified_search_registries is None else document.unqualified_search_registries
        mode = document.short_name_mode or mode
    return RegistriesConf(tuple(registries.values()), tuple(search), aliases, enforcing=mode == "enforcing")


def match_prefix(name: str, prefix: str) -> int | None:
    """How much of a full image name a prefix covers, None for none. `*.` at its start stands for subdomains."""
    if prefix.startswith("*."):
        start = name.find(prefix[1:])
        if start < 1 or "/" in name[:start]:
            return None
        length = start + len(prefix) - 1
    elif name.startswith(prefix):
        length = len(prefix)
    else:
        return None
    return length if length == len(name) or name[length] in "/:@" else None


def is_short(image: str) -> bool:
    """Does an image name lack its registry? The first part of one with a registry looks like a host."""
    first, slash, _ = image.partition("/")
    return not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower())


def _split_name(image: str) -> tuple[str, str, str]:
    for mark in ("@", ":"):
        name, found, rest = image.partition(mark)
        if found:
            return name, mark, rest
    return image, "", ""


def _read(path: Path) -> _Document:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(content, _Document)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidRegistriesConf(f"{path}: {error}") from None


def _check(path: Path, registry: Registry) -> None:
    if not registry.key:
        raise InvalidRegistriesConf(f"{path}: a registry has neither prefix nor location")
    if "*" in registry.prefix.removeprefix("*."):
        raise InvalidRegistriesConf(f"{path}: prefix {registry.prefix!r}: a * may only stand in a leading `*.`")
    if registry.mirror_by_digest_only and any(mirror.pull_from_mirror != "all" for mirror in registry.mirror):
        raise InvalidRegistriesConf(
            f"{path}: {registry.key!r}: mirror-by-digest-only and pull-from-mirror exclude each other"
        )
