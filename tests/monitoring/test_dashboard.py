"""The dashboard: every metric in it exists, every panel says what it shows, and none lies over another one."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.metrics import exposed_names, metric_names

DASHBOARD = json.loads((Path(__file__).parents[2] / "manifests" / "monitoring" / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_names_metrics_that_exist_and_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in panel["targets"]:
        names = metric_names(target["expr"].replace("$__rate_interval", "5m"))
        assert names
        assert names <= exposed_names()


def test_no_panel_lies_over_another_one() -> None:
    for one, other in itertools.combinations(DASHBOARD["panels"], 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), f"{one['title']} and {other['title']}"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_metric_of_images_and_of_the_queue_is_somewhere_on_it() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name in metric_names(target["expr"])}
    families = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in exposed_names()}
    ours = {name for name in families if name.startswith("image_platform_")}
    missing = {name for name in ours if not any(each.startswith(name) for each in shown)}
    assert not missing


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )
