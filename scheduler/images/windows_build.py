"""Windows versions: which image build runs on which host build.

Owns the rule for ``os.version`` under process isolation, the only kind Kubernetes has. A Windows version is
``major.minor.build.revision``; the revision never matters. Source: github.com/containerd/platforms
(``platform_windows_compat.go``) and Microsoft's version compatibility table.
"""

from __future__ import annotations

import re

from scheduler.images.runtime import LibraryRules, WindowsFloor

LTSC_BUILDS = (20348, 26100)  # Server 2022 and 2025, ascending; a newer LTSC release must be added, as in the library
_ABI_STABLE_SINCE = LTSC_BUILDS[0]  # an older host runs its own build only

Version = tuple[int, int, int]
"""major, minor, build"""

_UNREADABLE: Version = (0, 0, 0)
_LIMITS = (0xFF, 0xFF, 0xFFFF)  # what the library's integers hold
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_SIGNED_DIGITS = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


def parse_version(text: str) -> Version | None:
    """major, minor and build of ``10.0.20348`` or ``10.0.20348.2700``; None for anything else."""
    parts = text.split(".")
    if len(parts) < 3 or not all(map(_DIGITS.fullmatch, parts[:3])):
        return None
    version = (int(parts[0]), int(parts[1]), int(parts[2]))
    fits = all(number <= limit for number, limit in zip(version, _LIMITS, strict=True))
    return version if fits else None


def build_prefix(text: str) -> str:
    """``10.0.20348`` of ``10.0.20348.2700``: the part that decides. Unreadable text stays."""
    return text if parse_version(text) is None else ".".join(text.split(".")[:3])


def runs_on_host(image_version: str, host_version: str, rules: LibraryRules) -> bool:
    """May an image of this ``os.version`` run on a host of that version?

    An empty version on either side fits everything: HostProcess images have none, and a host that does not say cannot
    be asked. So does a host version that cannot be read; an image version that cannot be read fits no readable host.
    """
    host = parse_version(host_version)
    if host is None or host == _UNREADABLE or not image_version:
        return True
    image = _lenient(image_version) if rules.lenient_builds else parse_version(image_version) or _UNREADABLE
    if image[:2] != host[:2]:
        return False
    if host[2] < _ABI_STABLE_SINCE:
        return image[2] == host[2]
    return _floor(host[2], rules.windows_floor) <= image[2] <= host[2]


def _floor(host_build: int, rule: WindowsFloor) -> int:
    first = LTSC_BUILDS[0]
    if rule is WindowsFloor.FIRST_LTSC:
        return first
    if rule is WindowsFloor.LTSC_BELOW_HOST:
        return max((build for build in LTSC_BUILDS if build < host_build), default=first)
    generation = [build for build in LTSC_BUILDS if build <= host_build]
    return generation[-2] if len(generation) > 1 else first


def _lenient(text: str) -> Version:
    """As containerd 1.7 reads: a part that is no number is 0, and numbers wrap around."""
    parts = text.split(".")
    if len(parts) < 3:
        return _UNREADABLE
    major, minor, build = (int(part) if _SIGNED_DIGITS.fullmatch(part) else 0 for part in parts[:3])
    return major & _LIMITS[0], minor & _LIMITS[1], build & _LIMITS[2]
