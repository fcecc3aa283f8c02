"""A platform: operating system, architecture, and what narrows them down.

Owns the value, its spelling and its normal form. It does not know which platform runs on which: that is ``acceptance``
(variants and fallbacks), ``windows_build`` (os.version) and, above them, ``matching``.

Registries hold what people wrote, so a ``Platform`` keeps its fields as found: ``x86_64`` is another value than
``amd64``. Whoever compares decides whether to ``normalize`` first, because the runtimes disagree (CRI-O does not).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import msgspec

_OS = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?", re.ASCII)
_COMPONENT = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_ENCODED = str.maketrans({"%": "%25", "+": "%2B", "(": "%28", ")": "%29", "/": "%2F"})

_FORM = "os/architecture, os/architecture/variant or os(version)/architecture"


class InvalidPlatform(ValueError):
    """The text names no platform."""

    def __init__(self, text: str, problem: str = f"is not of the form {_FORM}") -> None:
        super().__init__(f"platform {text!r} {problem}")


class Platform(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The ``platform`` object of the OCI image specification; an empty string is an absent field."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __str__(self) -> str:
        """``linux/arm/v7``, ``windows(10.0.20348.2700)/amd64``: containerd's ``platforms.FormatAll``.

        An absent operating system or architecture is written ``unknown``, so that a list stays readable.
        """
        options = "+".join([self.os_version.translate(_ENCODED), *(f.translate(_ENCODED) for f in self.os_features)])
        os = (self.os or "unknown") + (f"({options})" if options else "")
        return "/".join(filter(None, [os, self.architecture or "unknown", self.variant]))


def parse_platform(text: str) -> Platform:
    """The normal form of the platform that a person wrote. Raises InvalidPlatform.

    As containerd's ``platforms.Parse``, except that operating system and architecture must both be given: what is left
    out there is taken from the machine that parses, and that machine says nothing about a cluster.
    """
    first, *others = text.split("/")
    form = _OS.fullmatch(first)
    if form is None or not 1 <= len(others) <= 2 or not all(map(_COMPONENT.fullmatch, others)):
        raise InvalidPlatform(text)
    os, version, features = form.groups()
    return normalize(
        Platform(
            os,
            others[0],
            others[1] if len(others) == 2 else "",
            unquote(version or ""),
            tuple(unquote(feature) for feature in (features or "").split("+") if feature),
        )
    )


def normalize(platform: Platform, host_os: str = "", *, arm64_levels: bool = True) -> Platform:
    """The platform in Go's names, as containerd and Docker compare it (``platforms.Normalize``).

    An empty operating system becomes ``host_os``. Names that the library does not know stay, in lower case: ``i686``,
    ``armv7l`` and ``arm64v8`` are no aliases there. ``arm64_levels=False``: as containerd 1.7, which knows v8 only.
    """
    os = platform.os.lower() or host_os
    architecture = platform.architecture.lower()
    name = _ALIASES.get(architecture, architecture)
    variant = _VARIANT_OF_ALIAS.get(architecture, platform.variant.lower())
    if arm64_levels or variant not in _ARM64_LEVEL_SPELLINGS:
        variant = _VARIANTS.get(name, {}).get(variant, variant)
    return Platform(
        "darwin" if os == "macos" else os,
        name,
        variant,
        platform.os_version,
        tuple(sorted(set(platform.os_features))),
    )


_ALIASES = {"i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm"}
_VARIANT_OF_ALIAS = {"i386": "", "armhf": "v7", "armel": "v6"}
_VARIANTS = {
    "amd64": {"v1": ""},
    "arm64": {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"},
    "arm": {"": "v7", "5": "v5", "6": "v6", "7": "v7", "8": "v8"},
}
_ARM64_LEVEL_SPELLINGS = frozenset({"v8.0", "9", "9.0", "v9.0"})
