"""Rows found by hashing bytes are those found by reading names, on ugly input too."""

from __future__ import annotations

import json
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.verbs.name_index import NameIndex, slow_rows, split_names
from extender.wire.arguments import MalformedBody
from scheduler.cluster.cache import Cache
from tests.extender.builders import a_cache, a_node

LONGEST = 253
"""RFC 1123 subdomains are no longer."""

NAMES = st.text(alphabet="abz019-.", min_size=1, max_size=40)


def raw(names: object, **how: object) -> msgspec.Raw:
    how = how or {"separators": (",", ":")}
    return msgspec.Raw(json.dumps(names, **how).encode())  # type: ignore[arg-type]


def agree(index: NameIndex, cache: Cache, sent: msgspec.Raw) -> None:
    _, slow = slow_rows(sent, cache.nodes)
    quick = index.rows(sent)
    if None in slow:
        assert quick is None
    elif quick is not None:
        assert quick.tolist() == slow


@given(st.lists(NAMES, max_size=30, unique=True), st.lists(NAMES, max_size=4), st.randoms(use_true_random=False))
def test_known_names_in_any_order_and_number(known: list[str], strange: list[str], draw: random.Random) -> None:
    cache = a_cache(*map(a_node, known))
    index = NameIndex(cache.nodes, short=0)
    sent = draw.sample(known, draw.randint(0, len(known))) * 2
    agree(index, cache, raw(sent))
    assert index.rows(raw(sent)) is not None
    agree(index, cache, raw([*sent, *strange]))


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 15, 16, 17, 63, 64, LONGEST])
def test_names_of_every_length_are_told_apart_by_every_byte(length: int) -> None:
    names = ["a" * place + "b" + "a" * (length - place - 1) for place in range(length)]
    names = list(dict.fromkeys([*names, "a" * length, "a" * max(length - 1, 1), "b"]))
    cache = a_cache(*map(a_node, names))
    index = NameIndex(cache.nodes, short=0)
    rows = index.rows(raw(names))
    assert rows is not None
    assert rows.tolist() == [cache.nodes.row_of(name) for name in names]
    assert index.rows(raw(["a" * length + "c"])) is None


@given(st.lists(NAMES, max_size=30, unique=True), st.lists(NAMES, max_size=2))
def test_few_names_are_found_one_by_one(known: list[str], strange: list[str]) -> None:
    cache = a_cache(*map(a_node, known))
    agree(NameIndex(cache.nodes), cache, raw([*known, *strange]))
    assert NameIndex(cache.nodes).rows(raw(known)) is not None


def test_thousands_of_names() -> None:
    cache = a_cache(*(a_node(f"ip-10-{i % 250}-{i // 250}-17.eu-central-1.compute.internal") for i in range(3000)))
    index = NameIndex(cache.nodes, short=0)
    names = [node.name for _, node in cache.nodes]
    random.Random(1).shuffle(names)
    rows = index.rows(raw(names))
    assert rows is not None
    assert [cache.nodes.name(row) for row in rows.tolist()] == names
    assert split_names(bytes(raw(names))) == names


@pytest.mark.parametrize(
    "sent",
    [
        raw(["a-0", "a-1"], indent=1),
        raw(["a-0", "a-1"], separators=(", ", ": ")),
        msgspec.Raw(b'["a-0" ,"a-1"]'),
        msgspec.Raw(b'["a\\u002d0","a-1"]'),
        msgspec.Raw(b"[]"),
        msgspec.Raw(b"[ ]"),
        raw(["a-0", "a" * (LONGEST + 1)]),
        raw(["a-0", ""]),
        raw(["a-0", "é"]),
    ],
)
def test_other_ways_to_write_names_are_left_to_the_twin_or_read_alike(sent: msgspec.Raw) -> None:
    cache = a_cache(a_node("a-0"), a_node("a-1"))
    agree(NameIndex(cache.nodes, short=0), cache, sent)
    agree(NameIndex(cache.nodes), cache, sent)


@given(st.lists(NAMES, min_size=1, max_size=30, unique=True), st.integers(0, 400), st.integers(0, 127))
def test_a_name_with_one_letter_changed_is_a_stranger(known: list[str], place: int, letter: int) -> None:
    cache = a_cache(*map(a_node, known))
    index = NameIndex(cache.nodes, short=0)
    name = known[place % len(known)]
    other = name[: place % len(name)] + chr(letter) + name[place % len(name) + 1 :]
    agree(index, cache, raw([*known, other]))


@pytest.mark.parametrize(
    "sent",
    [
        b'["a-0",1,"a-1"]',
        b'["a-0",["a-1"]]',
        b'{"a-0":"a-1"}',
        b'["a-0",{}]',
        b'["a-0",null,"a-1"]',
        b'"a-0"',
        b'[["a-0"]]',
    ],
)
def test_what_is_no_list_of_names_is_not_taken_for_one(sent: bytes) -> None:
    cache = a_cache(a_node("a-0"), a_node("a-1"))
    assert NameIndex(cache.nodes, short=0).rows(msgspec.Raw(sent)) is None
    with pytest.raises(MalformedBody):
        slow_rows(msgspec.Raw(sent), cache.nodes)


def test_nodes_that_come_go_and_change_are_followed() -> None:
    cache = a_cache(*(a_node(f"a-{i}") for i in range(5)))
    index = NameIndex(cache.nodes, short=0)
    everybody = raw([f"a-{i}" for i in range(5)])
    assert index.rows(everybody) is not None
    cache.remove_node("a-3")
    assert index.rows(everybody) is None
    cache.add_node(a_node("other"))  # takes the row of the one that has gone
    agree(index, cache, raw(["other", "a-0"]))
    assert index.rows(everybody) is None
    cache.add_node(a_node("a-3", "arm64"))
    agree(index, cache, everybody)
    assert index.rows(everybody) is not None
    for number in range(200):
        cache.add_node(a_node(f"b-{number}"))
    cache.add_node(a_node("a-3"))
    agree(index, cache, raw([f"b-{number}" for number in range(200)]))
