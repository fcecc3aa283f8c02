"""Whole nodes go back as they came, however they were written."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.wire.arguments import read_extender_args
from extender.wire.node_bodies import _cut, node_bodies
from tests.extender.builders import a_node_document, a_pod_document

NODES = [a_node_document("a"), a_node_document("b", "arm64"), a_node_document("c")]


def go(nodes: list[dict[str, Any]], pod: dict[str, Any] | None = None) -> bytes:
    """As Go's encoder writes it."""
    return msgspec.json.encode(
        {"Pod": pod or a_pod_document(), "Nodes": {"metadata": {}, "items": nodes}, "NodeNames": None}
    )


def bodies_of(body: bytes) -> list[Any]:
    args = read_extender_args(body)
    found = node_bodies(args.body, args.nodes)
    assert len(found) == len(args.nodes)
    return [json.loads(bytes(each)) for each in found]


def test_what_go_writes_is_cut_and_not_read_again() -> None:
    args = read_extender_args(go(NODES))
    cut = _cut(args.body, args.nodes)
    assert cut is not None
    assert [bytes(each) for each in cut] == [msgspec.json.encode(node) for node in NODES]


def test_it_may_come_in_a_buffer_that_was_filled_in_place() -> None:
    args = read_extender_args(bytearray(go(NODES)))
    assert [json.loads(bytes(each)) for each in node_bodies(args.body, args.nodes)] == NODES


NESTED = {"metadata": {"name": "nested"}}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"Pod": a_pod_document(), "Nodes": {"metadata": {}, "items": NODES}, "NodeNames": None}).encode(),
        msgspec.json.encode({"NodeNames": None, "Nodes": {"items": NODES}, "Pod": a_pod_document()}),
        msgspec.json.encode({"Nodes": {"items": NODES, "metadata": {}}, "Pod": a_pod_document()}),
        go([{"kind": "Node", **NODES[0]}, *NODES[1:]]),
        go([{**NODES[0], "odd": [NESTED, NESTED]}, *NODES[1:]]),
        go([{**NODES[0], "odd": [NESTED, {"metadata": {"name": "b"}}]}, *NODES[1:]]),
        go([{"metadata": {"labels": {}, "name": "a"}}, *NODES[1:]]),
        go([a_node_document('a"b'), *NODES[1:]]),
        go(NODES, {**a_pod_document(), "Nodes": {"metadata": {}, "items": NODES[:1]}}),
    ],
    ids=["spaces", "order", "items first", "kind first", "nested", "nested alike", "name last", "escaped", "twice"],
)
def test_what_is_written_in_another_way_is_read_again(body: bytes) -> None:
    assert bodies_of(body) == json.loads(body)["Nodes"]["items"]


_TEXT = st.text(max_size=12) | st.sampled_from(['},{"metadata":{"name":"b"', ']},"NodeNames":', '"Nodes":{', "\\"])


@given(st.lists(st.tuples(_TEXT, _TEXT), max_size=4), _TEXT)
def test_no_text_inside_a_node_misleads(nodes: list[tuple[str, str]], pod_text: str) -> None:
    documents = [{"metadata": {"name": name, "annotations": {"x": text}}} for name, text in nodes]
    assert bodies_of(go(documents, a_pod_document(annotations={"y": pod_text}))) == documents
