from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.kube.decoding import Bookmark, Change, Failure, InvalidChange, ObjectDecoder
from scheduler.kube.errors import Gone, MalformedAnswer
from tests.kube.scripted_server import status

encode = msgspec.json.encode


def pod(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "7"}
    return {"kind": "Pod", "metadata": metadata, "spec": spec}


def page(*items: Any, **metadata: str) -> bytes:
    return encode({"kind": "PodList", "metadata": {"resourceVersion": "42"} | metadata, "items": items})


def test_a_page_gives_its_items_and_where_the_next_begins() -> None:
    read = ObjectDecoder(Pod).page(page(pod("a"), pod("b", nodeName="n"), **{"continue": "token"}))
    assert [(item.key, item.spec.node_name) for item in read.items] == [("default/a", ""), ("default/b", "n")]
    assert (read.resource_version, read.next, read.invalid) == ("42", "token", [])


@pytest.mark.parametrize("items", [b"null", b"[]"])
def test_an_empty_list_is_no_fault(items: bytes) -> None:
    read = ObjectDecoder(Pod).page(b'{"metadata": {"resourceVersion": "1"}, "items": ' + items + b"}")
    assert (read.items, read.invalid) == ([], [])


BAD_PODS: list[tuple[Any, str, str]] = [
    (pod("bad", nodeName=7), "default/bad", "Expected `str`, got `int` - at `$.spec.nodeName`"),
    (pod("bad", containers={}), "default/bad", "at `$.spec.containers`"),
    ({"metadata": {"name": None, "namespace": "default"}}, "default/without a name", "at `$.metadata.name`"),
    ({"spec": {}}, "without a name", "missing required field `metadata`"),
    (42, "without a name", "Expected `object`, got `int`"),
    (None, "without a name", "Expected `object`, got `null`"),
]


@pytest.mark.parametrize(("bad", "name", "problem"), BAD_PODS)
def test_a_bad_item_costs_that_item_of_a_list_and_is_named(bad: Any, name: str, problem: str) -> None:
    read = ObjectDecoder(Pod).page(page(pod("a"), bad, pod("b")))
    assert [item.key for item in read.items] == ["default/a", "default/b"]
    assert [str(item) for item in read.invalid] == [name]
    assert problem in read.invalid[0].problem


@pytest.mark.parametrize(("bad", "name", "problem"), BAD_PODS)
def test_a_bad_item_costs_that_change_of_a_watch_and_is_named(bad: Any, name: str, problem: str) -> None:
    event = ObjectDecoder(Pod).event(encode({"type": "MODIFIED", "object": bad}))
    assert isinstance(event, InvalidChange)
    assert str(event.item) == name
    assert problem in event.item.problem


@given(st.lists(st.booleans(), max_size=8))
def test_reading_item_by_item_gives_what_reading_at_once_gives(bad: list[bool]) -> None:
    good = [pod(f"p{i}", nodeName=f"n{i}") for i, is_bad in enumerate(bad) if not is_bad]
    mixed = [pod(f"p{i}", nodeName=7 if is_bad else f"n{i}") for i, is_bad in enumerate(bad)]
    at_once, one_by_one = ObjectDecoder(Pod).page(page(*good)), ObjectDecoder(Pod).page(page(*mixed))
    assert at_once.items == one_by_one.items
    assert [item.name for item in one_by_one.invalid] == [f"p{i}" for i, is_bad in enumerate(bad) if is_bad]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items": {}}', b'{"items": [{"metadata": {"na'])
def test_what_is_no_list_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="a list cannot be read"):
        ObjectDecoder(Pod).page(body)


@pytest.mark.parametrize("type_", ["ADDED", "MODIFIED", "DELETED"])
def test_a_change_carries_the_typed_object(type_: str) -> None:
    event = ObjectDecoder(Pod).event(encode({"type": type_, "object": pod("a", nodeName="n")}))
    assert isinstance(event, Change)
    assert (event.type, event.object.spec.node_name, event.object.metadata.resource_version) == (type_, "n", "7")


def test_a_bookmark_carries_only_a_version() -> None:
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Node", "metadata": {"resourceVersion": "99"}, "spec": {}}}
    assert ObjectDecoder(Node).event(encode(bookmark)) == Bookmark("99")


class Anything(msgspec.Struct):
    """A type that bookmarks and errors fit into."""

    metadata: Any = None


@pytest.mark.parametrize("type_", [Pod, Anything])
def test_an_error_and_a_bookmark_are_never_taken_for_objects(type_: type[Any]) -> None:
    decoder = ObjectDecoder(type_)
    event = decoder.event(encode({"type": "ERROR", "object": status(410, "Expired", "too old")}))
    assert isinstance(event, Failure)
    assert isinstance(event.error, Gone)
    assert decoder.event(b'{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}') == Bookmark("5")


def test_a_deletion_is_delivered_even_when_the_object_cannot_be_read() -> None:
    event = ObjectDecoder(Pod).event(encode({"type": "DELETED", "object": pod("bad", nodeName=7)}))
    assert isinstance(event, Change)
    assert (event.type, event.object.key, event.object.metadata.uid) == ("DELETED", "default/bad", "uid-bad")


@pytest.mark.parametrize("line", [b"garbage", b"{}", b'{"type": "ADDED"}', b'{"type": "RENAMED", "object": {}}', b"7"])
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        ObjectDecoder(Pod).event(line)


def test_a_broken_text_costs_its_item_alone() -> None:
    broken = encode(pod("bad", nodeName="XX")).replace(b"XX", b"\xff\xfe")
    body = b'{"metadata": {"resourceVersion": "1"}, "items": [' + broken + b"," + encode(pod("a")) + b"]}"
    read = ObjectDecoder(Pod).page(body)
    assert [item.key for item in read.items] == ["default/a"]
    assert len(read.invalid) == 1
