"""Which image platforms a node's runtime accepts, and which it likes best.

Owns one node platform against one image platform: aliases, variants, the 32-bit fallbacks, os.version, os.features.
This is where an arm/v7 image is or is not acceptable on an arm64 node. What happens when an index offers several, or
something odd, is ``selection``; the verdict that follows is ``matching``.

Two schools exist. containerd and Docker normalise names and try a list of platforms, best first
(github.com/containerd/platforms: ``Only`` and ``Ordered``). CRI-O compares exactly what is written with a list of
variants (containers/image: ``WantedPlatforms``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

import msgspec

from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform, normalize
from scheduler.images.runtime import LibraryRules, Runtime, library_rules
from scheduler.images.windows_build import runs_on_host

Machine = tuple[str, str]
"""(architecture, variant) in normal form"""

_NUMBERED = re.compile(r"v?([0-9]{1,3})", re.ASCII)
# The library lists arm64 v8.0 to v8.9 and v9.0 to v9.7. Any other level is strange to it.
_NEWEST_MINOR = {8: 9, 9: 7}
_ARM64_LEVEL = re.compile(r"v([89])(?:\.([0-9]))?", re.ASCII)
_OLDEST_ARM = 5


class Acceptance(Protocol):
    """What a runtime accepts on a node."""

    def position(self, image: Platform) -> int | None:
        """The place of the platform in the runtime's order, 0 for the best; None if it is not accepted."""
        ...


class LibraryAcceptance(msgspec.Struct, frozen=True, gc=False):
    """Acceptance by the platforms library. ``machines``: best first, in normal form."""

    os: str
    os_version: str
    machines: tuple[Machine, ...]
    rules: LibraryRules

    def position(self, image: Platform) -> int | None:
        normal = normalize(image, self.os, arm64_levels=self.rules.arm64_levels)
        machine = (normal.architecture, normal.variant)
        if normal.os != self.os or machine not in self.machines or not self._has_features(normal):
            return None
        if self.os == "windows" and not runs_on_host(image.os_version, self.os_version, self.rules):
            return None
        return self.machines.index(machine)

    def _has_features(self, image: Platform) -> bool:
        """No node has features; ``win32k`` is what every Windows host has, and is not counted."""
        if not self.rules.os_features:
            return True
        return not set(image.os_features) - ({"win32k"} if self.os == "windows" else set())


class ExactAcceptance(msgspec.Struct, frozen=True, gc=False):
    """Acceptance by CRI-O: names as written, os.version and os.features ignored. ``variants``: best first."""

    os: str
    architecture: str
    variants: tuple[str, ...]

    def position(self, image: Platform) -> int | None:
        if (image.os, image.architecture) != (self.os, self.architecture) or image.variant not in self.variants:
            return None
        return self.variants.index(image.variant)


def with_fallback(node: NodePlatform) -> LibraryAcceptance:
    """The platform of the node, and what the library counts as able to run on it (``Only``)."""
    rules = library_rules(node.runtime)
    own = _machine_of(node, rules)
    fits_itself_only = node.os == "windows" and not rules.windows_386
    return LibraryAcceptance(node.os, node.os_version, (own,) if fits_itself_only else _able(own, rules), rules)


def strict(node: NodePlatform) -> LibraryAcceptance:
    """The platform of the node and nothing else (``Ordered``): what containerd's transfer service fetches."""
    rules = library_rules(node.runtime)
    return LibraryAcceptance(node.os, node.os_version, (_machine_of(node, rules),), rules)


def executable(node: NodePlatform) -> LibraryAcceptance:
    """What the machine can execute, whoever pulled it: a matter of the CPU, so names are normalised for every runtime.

    os.version and os.features play no part here; 32-bit arm counts, though not every arm64 CPU has it.
    """
    rules = library_rules(Runtime.CONTAINERD)
    own = _machine_of(node, rules)
    able = () if node.os == "windows" else _able(own, rules)
    return LibraryAcceptance(node.os, "", (own, *able), msgspec.structs.replace(rules, os_features=False))


def exact(node: NodePlatform) -> ExactAcceptance:
    """What CRI-O accepts: the node's variant, lower ones of arm, none."""
    ladder = {"arm": ("v8", "v7", "v6", "v5"), "arm64": ("v8",)}.get(node.architecture, ())
    if not node.variant:
        variants = ("", *ladder)
    elif node.variant in ladder:
        variants = (*ladder[ladder.index(node.variant) :], "")
    else:
        variants = (node.variant, "")
    return ExactAcceptance(node.os, node.architecture, variants)


def _machine_of(node: NodePlatform, rules: LibraryRules) -> Machine:
    normal = normalize(Platform(node.os, node.architecture, node.variant), arm64_levels=rules.arm64_levels)
    return normal.architecture, normal.variant


def _able(own: Machine, rules: LibraryRules) -> tuple[Machine, ...]:
    architecture, variant = own
    if architecture == "amd64":
        return (own, *_lower_amd64(variant), ("386", ""))
    if architecture == "arm":
        return (own, *_lower_arm(variant))
    if architecture == "arm64":
        return tuple(_arm64(variant) if rules.arm64_levels else _arm64_without_levels(variant))
    return (own,)


def _lower_amd64(variant: str) -> Iterator[Machine]:
    for level in range(_number(variant) - 1, 0, -1):
        yield ("amd64", "" if level == 1 else f"v{level}")


def _lower_arm(variant: str) -> Iterator[Machine]:
    for version in range(_number(variant) - 1, _OLDEST_ARM - 1, -1):
        yield ("arm", f"v{version}")


def _number(variant: str) -> int:
    form = _NUMBERED.fullmatch(variant)
    return int(form.group(1)) if form else 0


def _arm64(variant: str) -> Iterator[Machine]:
    """Levels downwards, then 32-bit arm. Level v9.x includes v8.(x+5); an unlisted level runs nothing, itself included.

    Source of the inclusion: the Arm Architecture Reference Manual, as the library has it.
    """
    form = _ARM64_LEVEL.fullmatch(variant or "v8")
    if form is None or int(form.group(2) or 0) > _NEWEST_MINOR[int(form.group(1))]:
        return
    major, minor = int(form.group(1)), int(form.group(2) or 0)
    if major == 9:
        yield from _arm64_levels(9, minor)
        minor = min(minor + 5, _NEWEST_MINOR[8])
    yield from _arm64_levels(8, minor)
    yield ("arm", "v8")
    yield from _lower_arm("v8")


def _arm64_levels(major: int, newest_minor: int) -> Iterator[Machine]:
    for minor in range(newest_minor, 0, -1):
        yield ("arm64", f"v{major}.{minor}")
    yield ("arm64", "" if major == 8 else f"v{major}")


def _arm64_without_levels(variant: str) -> Iterator[Machine]:
    """Releases before levels: the variant itself, then 32-bit arm from the same number downwards."""
    yield ("arm64", variant)
    yield ("arm", variant or "v8")
    yield from _lower_arm(variant or "v8")
