"""Builds the real control plane from Go modules: `python -m tests.cluster.binaries [NAME...]`.

Each binary is built once per recipe, `go.mod` and `go.sum` into the cache, and found there ever after, by this clone
of the repository and by others on the same machine. Running it again, or twice at once, is harmless. What is built is
told by `recipes`; whose Go builds it by `toolchain`; who starts it by `control_plane`, `kwok` and their like.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from tests.cluster.locking import locked, replaced
from tests.cluster.recipes import RECIPES, Recipe, recipe
from tests.cluster.toolchain import NoGo, find_go

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CACHE_VARIABLE = "MULTIARCH_CACHE"

_REPORT_SECONDS = 30
"""How often a build that prints to a file says that it is alive."""


class BuildFailed(Exception):
    """`go` ended with an error; the message ends with the last lines it printed."""


class NotBuilt(Exception):
    """A binary was asked for that is not in the cache."""


def cache_directory() -> Path:
    """Where binaries live: `MULTIARCH_CACHE`, else the user's cache directory, shared by all clones on the machine."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "multiarch-scheduler"


def place(wanted: Recipe) -> Path:
    """The folder that holds (or will hold) the binary of `wanted` and its files."""
    return cache_directory() / "binaries" / f"{wanted.name}-{wanted.version}-{wanted.digest[:16]}"


def binary(name: str) -> Path:
    """Path of the built binary `name`. Its other files lie beside it. Raises NotBuilt, saying how to build it."""
    path = place(recipe(name)) / recipe(name).product
    if not path.exists():
        raise NotBuilt(f"{name} is not built: run `make real-binaries`, or `python -m tests.cluster.binaries {name}`")
    return path


def build(wanted: Recipe, console: Console) -> Path:
    """Build `wanted` unless the cache has it, and return the binary's path."""
    home = place(wanted)
    path = home / wanted.product
    if path.exists():
        return path
    with locked(home, lambda: console.print(f"waiting for another build of {wanted.name}")):
        if not path.exists():
            go = find_go(wanted.go_version, cache_directory(), console.print)
            with replaced(home) as unfinished:
                if wanted.command is not None:
                    _compile(go, wanted, wanted.command, unfinished / wanted.product, console)
                _collect(go, wanted, unfinished)
    return path


def _compile(go: Path, wanted: Recipe, source: str, output: Path, console: Console) -> None:
    command: list[str | Path] = [
        go,
        "build",
        "-v",
        "-trimpath",
        "-ldflags",
        wanted.linker_flags,
        "-o",
        output,
        source,
    ]
    title = f"{wanted.name} {wanted.version}"
    packages: list[str] = []
    began = time.monotonic()
    with (
        subprocess.Popen(
            command, cwd=wanted.folder, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as compiler,
        _progress(console, title, wanted.seconds, packages),
    ):
        assert compiler.stderr is not None
        try:
            packages.extend(line.rstrip() for line in compiler.stderr if not line.startswith("go: downloading"))
        except BaseException:
            compiler.terminate()
            raise
    if compiler.returncode != 0:
        raise BuildFailed(f"building {title} with {go} ended with {compiler.returncode}:\n" + "\n".join(packages[-20:]))
    megabytes = output.stat().st_size / 1e6
    console.print(f"built {title} in {time.monotonic() - began:.0f} s ({megabytes:.0f} MB)")


def _collect(go: Path, wanted: Recipe, folder: Path) -> None:
    """Copy the recipe's files out of the module's source, whose go.sum proves what was downloaded."""
    if not wanted.files:
        return
    _go(go, wanted, "mod", "download", wanted.source)
    source = Path(_go(go, wanted, "list", "-m", "-f", "{{.Dir}}", wanted.source).strip())
    for file in wanted.files:
        shutil.copyfile(source / file, folder / Path(file).name)


def _go(go: Path, wanted: Recipe, *arguments: str) -> str:
    done = subprocess.run(
        [go, *arguments], cwd=wanted.folder, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildFailed(f"{go} {' '.join(arguments)} for {wanted.name} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def _environment() -> dict[str, str]:
    """The caller's environment, less what would change the result: a workspace, other flags, another toolchain."""
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


@contextlib.contextmanager
def _progress(console: Console, title: str, seconds: int, packages: list[str]) -> Iterator[None]:
    """Show that a build lives: a line that changes on a terminal, one line every half minute elsewhere."""
    began = time.monotonic()
    expected = f"about {seconds} s on 2 cores when nothing is compiled yet"

    def describe() -> str:
        return f"building {title}: {time.monotonic() - began:.0f} s, {len(packages)} packages compiled ({expected})"

    if console.is_terminal:
        with console.status(describe()) as status, _every(0.5, lambda: status.update(describe())):
            yield
    else:
        console.print(f"building {title} ({expected})")
        with _every(_REPORT_SECONDS, lambda: console.print(describe())):
            yield


@contextlib.contextmanager
def _every(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` on a thread every `seconds` while the block runs."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _chosen(names: Sequence[str]) -> list[Recipe]:
    if not names:
        return [each for each in RECIPES if each.needed]
    try:
        return [recipe(name) for name in names]
    except LookupError as fault:
        raise click.BadParameter(str(fault)) from fault


@click.command(help="Build the binaries that the real tests start (all that are needed, or those NAMED).")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--where", is_flag=True, help="Print where each binary is, and build nothing.")
def main(names: tuple[str, ...], where: bool) -> None:
    console = Console(soft_wrap=True, highlight=False)
    chosen = _chosen(names)
    if where:
        for each in chosen:
            path = place(each) / each.product
            console.print(f"{each.name} {each.version} {path if path.exists() else 'not built'}")
        return
    began = time.monotonic()
    missing = [each for each in chosen if not (place(each) / each.product).exists()]
    if missing:
        total = sum(each.seconds for each in missing)
        console.print(f"{len(missing)} binaries to build, about {total // 60 + 1} minutes on 2 cores")
    try:
        for each in chosen:
            build(each, console)
    except (BuildFailed, NoGo) as fault:
        console.print(f"error: {fault}", markup=False, style="red")
        sys.exit(1)
    if missing:
        console.print(f"all {len(chosen)} binaries are in {cache_directory()} after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
