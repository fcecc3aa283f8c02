"""ARCHITECTURE.md names what is there: every package, no file that is gone, and the layers that the linter holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`((?:scheduler|extender|tests|bench|docs)/[\w/.-]+)`", PAGE))


def table(heading: str) -> str:
    """The first one under a heading, without its head."""
    lines = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0].splitlines()
    return "\n".join([line for line in lines if line.startswith("|")][2:])


def packages() -> set[str]:
    found = (path.parent.relative_to(ROOT) for top in ("scheduler", "extender") for path in (ROOT / top).rglob("*.py"))
    return {str(path) for path in found if path.parts not in {("scheduler",), ("extender",)}}


def test_every_file_that_is_named_is_there() -> None:
    assert not sorted(name for name in NAMED if not (ROOT / name).exists())


def test_every_package_is_named() -> None:
    assert packages() - NAMED == set()


def test_the_layers_are_those_of_the_import_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    rows = re.findall(r"^\| ([\w ]*)\| `scheduler/(\w+)", table("Layers"), re.MULTILINE)
    layers: list[set[str]] = []
    for layer, package in rows:
        if layer.strip():
            layers.append(set())
        layers[-1].add(package)
    assert layers == [set(re.split(r" \| ", line)) for line in contract["layers"]]


def test_every_stage_has_a_file_and_no_stage_is_told_twice() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table("A pod's way").splitlines()]
    assert len({stage for stage, _, _ in rows}) == len(rows) > 10
    assert all(re.search(r"`[\w/]+\.py`", files) for _, _, files in rows)
