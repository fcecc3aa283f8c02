"""Answers are compared field by field, and the first field that differs is named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.comparing import difference, differences


@pytest.mark.parametrize(
    ("want", "got", "expected"),
    [
        ({"hosts": ["a"]}, {"hosts": ["a"]}, None),
        ({"hosts": ["a"]}, {"hosts": ["a", "b"]}, "hosts: want ['a'], got ['a', 'b']"),
        (
            {"nodes": {"a": {"code": "Success"}, "b": {"code": "Error"}}},
            {"nodes": {"a": {"code": "Success"}, "b": {"code": "Success"}}},
            "nodes.b.code: want 'Error', got 'Success'",
        ),
        ({"prefilter": None}, {}, "prefilter: want None, got nothing"),
        ({}, {"error": "no"}, "error: want nothing, got 'no'"),
        ({"nodes": {}}, {"nodes": None}, "nodes: want {}, got None"),
    ],
)
def test_the_first_difference_is_named_with_both_values(
    want: dict[str, Any], got: dict[str, Any], expected: str | None
) -> None:
    assert difference(want, got) == expected


def test_all_differences_can_be_had() -> None:
    found = list(differences({"a": 1, "b": {"c": 2}}, {"b": {"c": 3, "d": 4}}))
    assert found == ["a: want 1, got nothing", "b.c: want 2, got 3", "b.d: want nothing, got 4"]
