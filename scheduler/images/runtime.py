"""Container runtimes, as far as they disagree about platforms.

Owns which rules hold on a node, read from the only thing that tells: ``status.nodeInfo.containerRuntimeVersion``. The
rules themselves are applied in ``acceptance`` and ``selection``.

containerd and Docker decide with the Go module github.com/containerd/platforms, whose releases differ; the table says
which release a runtime links. CRI-O decides with containers/image and needs no table.
"""

from __future__ import annotations

import enum
import re

import msgspec


class Runtime(enum.StrEnum):
    """Groups of releases that behave alike, each named for a typical one; plain ``containerd`` is the present one."""

    CONTAINERD_1_7 = "containerd-1.7"
    CONTAINERD_2_1 = "containerd-2.1"
    CONTAINERD_2_2 = "containerd-2.2"
    CONTAINERD_2_3 = "containerd-2.3"
    CONTAINERD = "containerd"
    CRI_O = "cri-o"
    DOCKER = "docker"
    UNKNOWN = "unknown"


class WindowsFloor(enum.Enum):
    """The oldest image build that a Windows host from Server 2022 on accepts."""

    FIRST_LTSC = "20348, whatever the host"
    LTSC_BELOW_HOST = "the newest LTSC build below the host's"
    PREVIOUS_LTSC = "the LTSC build before the newest one that is not above the host's"


class LibraryRules(msgspec.Struct, frozen=True, gc=False):
    """What differs between releases of github.com/containerd/platforms.

    ``os_features``: an entry that demands features which no node has is refused. ``arm64_levels``: v8.x and v9.x are
    known. ``windows_386``: 386 images are accepted on Windows. ``windows_newest_first``: among fitting Windows entries
    the greatest os.version (as text) is taken, not the first. ``lenient_builds``: how unreadable versions are read.
    """

    os_features: bool
    arm64_levels: bool
    windows_386: bool
    windows_newest_first: bool
    windows_floor: WindowsFloor
    lenient_builds: bool = False


_V0_2 = LibraryRules(
    os_features=False,
    arm64_levels=False,
    windows_386=True,
    windows_newest_first=False,
    windows_floor=WindowsFloor.FIRST_LTSC,
    lenient_builds=True,
)
_V1_RC1 = LibraryRules(
    os_features=False,
    arm64_levels=True,
    windows_386=True,
    windows_newest_first=False,
    windows_floor=WindowsFloor.FIRST_LTSC,
)
_V1_RC2 = LibraryRules(
    os_features=False,
    arm64_levels=True,
    windows_386=False,
    windows_newest_first=True,
    windows_floor=WindowsFloor.LTSC_BELOW_HOST,
)
_V1_RC4 = msgspec.structs.replace(_V1_RC2, os_features=True)
_V1_RC5 = msgspec.structs.replace(_V1_RC4, windows_floor=WindowsFloor.PREVIOUS_LTSC)

_LIBRARIES = {
    Runtime.CONTAINERD_1_7: _V0_2,  # and older
    Runtime.CONTAINERD_2_1: _V1_RC1,  # 2.0.0 to 2.1.5
    Runtime.CONTAINERD_2_2: _V1_RC2,  # 2.1.6 to 2.2.x (2.1.6 and 2.1.7 unconfirmed: the stricter neighbour)
    Runtime.CONTAINERD_2_3: _V1_RC4,  # 2.3.0 to 2.3.4
    Runtime.CONTAINERD: _V1_RC5,  # 2.3.5 and later
    Runtime.DOCKER: _V1_RC5,
    # The strictest of all, for a runtime that does not say what it is (``matching`` asks CRI-O's rules as well).
    Runtime.UNKNOWN: _V1_RC4,
    # CRI-O chooses without it; whether a chosen image then runs on the CPU is asked of the present release.
    Runtime.CRI_O: _V1_RC5,
}

_CONTAINERD_SINCE = (
    ((2, 3, 5), Runtime.CONTAINERD),
    ((2, 3, 0), Runtime.CONTAINERD_2_3),
    ((2, 1, 6), Runtime.CONTAINERD_2_2),
    ((2, 0, 0), Runtime.CONTAINERD_2_1),
    ((0, 0, 0), Runtime.CONTAINERD_1_7),
)

_VERSION = re.compile(r"v?([0-9]{1,9})\.([0-9]{1,9})(?:\.([0-9]{1,9}))?", re.ASCII)


def library_rules(runtime: Runtime) -> LibraryRules:
    """The release of the platforms library by which the runtime judges."""
    return _LIBRARIES[runtime]


def runtime_of(container_runtime_version: str) -> Runtime:
    """Read ``<name>://<version>`` as the kubelet reports it, distributors' suffixes (``2.1.5-k3s1``) included.

    containerd of an unreadable version gets the strictest rules of any containerd; any other name is UNKNOWN.
    """
    name, _, version = container_runtime_version.partition("://")
    if name == "containerd":
        return _containerd(version)
    return {"cri-o": Runtime.CRI_O, "docker": Runtime.DOCKER}.get(name, Runtime.UNKNOWN)


def _containerd(version: str) -> Runtime:
    form = _VERSION.match(version)
    if form is None:
        return Runtime.CONTAINERD_2_3
    release = tuple(int(part or 0) for part in form.groups())
    return next(runtime for since, runtime in _CONTAINERD_SINCE if release >= since)
