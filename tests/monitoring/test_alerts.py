"""The alerts: each one has a test in which it fires and one in which it does not, a runbook, and metrics that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.binaries import binary
from tests.monitoring.metrics import exposed_names, metric_names

ROOT = Path(__file__).parents[2]
RULES = ROOT / "manifests" / "monitoring" / "rules.yaml"
TESTS = Path(__file__).with_name("alerts.yaml")
RUNBOOKS = ROOT / "docs" / "runbooks.md"


def rules() -> dict[str, Any]:
    """As a rule file of Prometheus: the operator's object without its wrapping."""
    spec: dict[str, Any] = yaml.safe_load(RULES.read_text())["spec"]
    return spec


def alerts() -> list[dict[str, Any]]:
    return [rule for group in rules()["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_names_metrics_that_exist_and_a_page_of_the_runbooks(rule: dict[str, Any]) -> None:
    assert metric_names(rule["expr"]) <= exposed_names() | {"up"}
    page = rule["annotations"]["runbook_url"].removeprefix("docs/runbooks.md#")
    assert page == rule["alert"].lower()
    assert f"## {rule['alert']}\n" in RUNBOOKS.read_text()
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert {"summary", "description"} <= rule["annotations"].keys()


def test_every_page_of_the_runbooks_belongs_to_an_alert() -> None:
    pages = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert pages == [rule["alert"] for rule in alerts()]


def test_every_alert_is_tried_both_ways() -> None:
    tried = [each for test in yaml.safe_load(TESTS.read_text())["tests"] for each in test["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts()}
    assert {each["alertname"] for each in tried if each["exp_alerts"]} == names
    assert {each["alertname"] for each in tried if not each["exp_alerts"]} == names


@pytest.mark.real
def test_promtool_finds_the_rules_right_and_each_alert_fires_when_it_should(tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(rules()))
    bare = rules()
    for group in bare["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]  # a test would have to repeat their words
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(bare))
    (tmp_path / "tests.yaml").write_text(TESTS.read_text())
    for command in (["check", "rules", "whole.yaml"], ["test", "rules", "tests.yaml"]):
        done = subprocess.run(
            [str(binary("promtool")), *command],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
