"""Answers have Go's field names and types, whatever the names in them are."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from extender.wire.answers import (
    FailedNodes,
    binding_result,
    filter_error,
    names_result,
    nodes_result,
    one_name_result,
    preemption_result,
    priorities,
)
from extender.wire.arguments import MetaVictim, MetaVictims

REASON = 'node(s) can\'t run image "a\\b" (50 % é)'


def test_kept_and_failed_names() -> None:
    failed = FailedNodes()
    failed.add(["b", "c"], REASON)
    failed.add([], "nobody")
    failed.add_strangers(['d"e'], "strange")
    assert json.loads(names_result(["a"], failed)) == {
        "Nodes": None,
        "NodeNames": ["a"],
        "FailedNodes": None,
        "FailedAndUnresolvableNodes": {"b": REASON, "c": REASON, 'd"e': "strange"},
        "Error": "",
    }


def test_no_name_is_an_empty_list_not_null() -> None:
    """Both lists null would mean the same to kube-scheduler, but for a reader of the log it would not."""
    answer = json.loads(names_result([], FailedNodes(), FailedNodes()))
    assert answer["NodeNames"] == []
    assert answer["FailedNodes"] == {}


def test_nodes_go_back_byte_by_byte() -> None:
    answer = nodes_result([msgspec.Raw(b'{"metadata":{"name":"a"},"x":1e3}')], FailedNodes())
    assert b'"items":[{"metadata":{"name":"a"},"x":1e3}]' in answer
    assert json.loads(answer)["NodeNames"] is None


def test_one_name_alone() -> None:
    assert json.loads(one_name_result("a"))["NodeNames"] == ["a"]


def test_an_error_keeps_no_node() -> None:
    assert json.loads(filter_error("oh")) == {"Nodes": None, "NodeNames": None, "FailedNodes": None, "Error": "oh"}


def test_scores_are_integers() -> None:
    assert priorities([("a", 10), ("b", 0)]) == b'[{"Host":"a","Score":10},{"Host":"b","Score":0}]'
    assert priorities([]) == b"[]"


def test_victims_by_uid() -> None:
    answer = preemption_result({"a": MetaVictims([MetaVictim("u1"), MetaVictim("u2")], 1)})
    assert json.loads(answer) == {
        "NodeNameToMetaVictims": {"a": {"Pods": [{"UID": "u1"}, {"UID": "u2"}], "NumPDBViolations": 1}}
    }


def test_a_binding_that_worked_has_an_empty_error() -> None:
    assert json.loads(binding_result()) == {"Error": ""}


@given(st.lists(st.text(max_size=10), unique=True, max_size=6), st.text(max_size=20))
def test_no_name_or_reason_breaks_the_json(names: list[str], reason: str) -> None:
    failed = FailedNodes()
    failed.add_strangers(names, reason)
    assert json.loads(names_result([], failed))["FailedAndUnresolvableNodes"] == dict.fromkeys(names, reason)
