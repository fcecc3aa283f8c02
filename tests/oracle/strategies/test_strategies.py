"""Strategies make cases that are small, whole and JSON; `test_oracle` shows them to the API server's own checks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.strategies.catalogue import FAMILIES
from tests.oracle.strategies.parts import merged


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
@settings(max_examples=10, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_cases_are_small_json_of_distinct_objects(family: str, data: st.DataObject) -> None:
    case = data.draw(FAMILIES[family])
    everything = [*case["objects"], case["pod"]]
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in everything]

    assert json.loads(json.dumps(case)) == case
    assert len(set(names)) == len(names)
    assert any(kind == "Node" for kind, _, _ in names)
    assert len(json.dumps(case)) < 40_000


def test_merged_parts_keep_everything_and_leave_the_parts_alone() -> None:
    one: dict[str, Any] = {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}], "x": 1}}
    other: dict[str, Any] = {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}], "x": 2}}

    whole = merged(one, other)
    whole["spec"]["taints"].append("more")

    assert whole["spec"]["x"] == 2
    assert [taint["effect"] for taint in whole["spec"]["taints"][:2]] == ["NoSchedule", "NoExecute"]
    assert len(one["spec"]["taints"]) == len(other["spec"]["taints"]) == 1


@pytest.mark.parametrize(
    ("field", "one", "other", "expected"),
    [
        ("containers", {"name": "a", "x": 1}, {"name": "a", "y": 2}, [{"name": "a", "x": 1, "y": 2}]),
        ("containers", {"name": "a"}, {"name": "b"}, [{"name": "a"}, {"name": "b"}]),
        (
            "taints",
            {"key": "a", "effect": "e", "value": "v"},
            {"key": "a", "effect": "e"},
            [{"key": "a", "effect": "e"}],
        ),
        ("tolerations", {"key": "a"}, {"key": "a"}, [{"key": "a"}, {"key": "a"}]),
    ],
)
def test_items_that_are_the_same_thing_become_one(
    field: str, one: dict[str, object], other: dict[str, object], expected: list[dict[str, object]]
) -> None:
    assert merged({field: [one]}, {field: [other]}) == {field: expected}
