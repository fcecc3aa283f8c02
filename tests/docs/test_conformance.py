"""The page about conformance says what is there: plugins, counts of cases, differences with what holds them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from scheduler.config.scheduler_configuration import WITHOUT_EFFECT
from scheduler.plugins.extension_points import DEFAULT_PLUGINS, IMAGE_PLATFORM
from tests.docs.test_named_tests import functions
from tests.oracle.recordings import Want, files, read, read_header
from tests.oracle.strategies.catalogue import FAMILIES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
PATH = re.compile(r"`((?:tests|scheduler)/[\w/]+(?:\.py)?)(?:::(test_\w+))?`")


def tables(heading: str) -> list[list[list[str]]]:
    """The tables of a part of the page, each as rows of cells without its head."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"(?:^\|.*\n)+", part, re.MULTILINE)
    return [[_cells(line) for line in table.splitlines()[2:]] for table in found]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_its_plugins_are_the_default_ones_in_order_and_with_their_weights() -> None:
    (rows,) = tables("Plugins")
    expected = [(plugin.name, str(plugin.weight or "")) for plugin in DEFAULT_PLUGINS if plugin.name != IMAGE_PLATFORM]
    assert [(name, weight) for name, weight, *_ in rows] == expected


def test_it_says_in_how_many_recorded_cases_each_plugin_speaks() -> None:
    rejecting, scoring = Counter[str](), Counter[str]()
    for path in files():
        for row in read(path):
            rejecting.update(rejecting_plugins(row.want))
            scoring.update(scoring_plugins(row.want))
    (rows,) = tables("Plugins")
    for name, _, rejects, scores in rows:
        assert (int(rejects or 0), int(scores or 0)) == (rejecting[name], scoring[name]), name
    assert rejecting.keys() | scoring.keys() <= {name for name, *_ in rows}


def rejecting_plugins(want: Want) -> set[str]:
    """Those that reject the pod or a node; DefaultPreemption if it is asked."""
    statuses = [want.get("preenqueue"), want.get("prefilter"), *want["nodes"].values()]
    named = {status["plugin"] for status in statuses if status and "plugin" in status}
    return named | ({"DefaultPreemption"} if "preemption" in want else set())


def scoring_plugins(want: Want) -> set[str]:
    """Those that make a difference between nodes."""
    by_plugin: dict[str, set[int]] = {}
    for node in want["scores"].values():
        for plugin, score in node["plugins"].items():
            by_plugin.setdefault(plugin, set()).add(score)
    return {plugin for plugin, scores in by_plugin.items() if len(scores) > 1}


def test_its_families_are_those_of_the_oracle() -> None:
    rows, _ = tables("What is proven equal")
    assert {name for name, *_ in rows[:-1]} == set(FAMILIES)


def test_ours_stands_where_the_page_says() -> None:
    names = [plugin.name for plugin in DEFAULT_PLUGINS]
    place = names.index(IMAGE_PLATFORM)
    assert f"{IMAGE_PLATFORM} is ours and stands between {names[place - 1]} and {names[place + 1]}" in PAGE


def test_its_counts_are_those_of_the_recorded_files() -> None:
    given, recorded = Counter[str](), Counter[str]()
    for path in files():
        header = read_header(path)
        family = path.name.removesuffix(".jsonl.gz").removeprefix("cases-") if header is None else header.family
        (given if header is None else recorded)[family] += sum(1 for _ in read(path))
    rows, _ = tables("What is proven equal")
    *families, total = rows
    assert {name: (first, second) for name, first, second in families} == {
        family: (str(given[family]), str(recorded[family])) for family in sorted(given | recorded)
    }
    assert total == ["**all**", f"**{given.total()}**", f"**{recorded.total()}**"]


def test_the_release_is_that_of_the_recordings() -> None:
    releases = {header.kubernetes for path in files() if (header := read_header(path))}
    assert {f"v{release}" for release in re.findall(r"\b1\.\d+\.\d+\b", PAGE)} == releases


def test_every_difference_has_a_reason_and_names_a_test_or_file_that_is_there() -> None:
    rows = [row for table in tables("Differences") for row in table]
    assert rows
    for difference, why, held_by in rows:
        assert difference
        assert why
        (named,) = PATH.findall(held_by)
        assert _is_there(*named), held_by


def test_everything_that_the_page_names_is_there() -> None:
    missing = [named for named in PATH.findall(PAGE) if not _is_there(*named)]
    assert not missing


def test_every_field_without_effect_is_listed() -> None:
    (row,) = (row for table in tables("Differences") for row in table if "accepted and change nothing" in row[0])
    assert set(re.findall(r"`(\w+)`", row[0].split(" are accepted")[0])) == set(WITHOUT_EFFECT)


def _is_there(file: str, test: str) -> bool:
    path = ROOT / file
    return path.exists() and (not test or test in functions(path))
