"""The store's own promises: history that can be undone, windows, positions."""

from __future__ import annotations

import random
from typing import Any

import pytest

from scheduler.sandbox.apiserver.store import Store


def document(name: str, value: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"value": str(value)}}


def test_every_write_moves_the_one_counter() -> None:
    store = Store()
    first = store.put("pods", "a", document("a"))
    second = store.put("nodes", "n", document("n"))
    gone = store.remove("pods", "a")
    assert [first.revision, second.revision, gone.revision] == [2, 3, 4]
    assert gone.document["metadata"]["resourceVersion"] == "4"
    assert first.document["metadata"]["resourceVersion"] == "2"


def test_an_equal_document_is_no_write() -> None:
    store = Store()
    first = store.put("pods", "a", document("a"))
    assert store.put("pods", "a", document("a")) is first
    assert store.revision == first.revision


def test_what_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(KeyError):
        Store().remove("pods", "a")


def test_every_past_state_can_be_shown_as_long_as_it_is_remembered() -> None:
    """Against a plain copy of each state, over a random walk of writes."""
    walk = random.Random(7)
    store = Store(window=50)
    collection = store.collection("pods")
    states: dict[int, dict[str, str]] = {}
    alive: dict[str, str] = {}
    for step in range(300):
        name = walk.choice("abcdefgh")
        if name in alive and walk.random() < 0.4:
            store.remove("pods", name)
            del alive[name]
        else:
            store.put("pods", name, document(name, step))
            alive[name] = str(step)
        states[store.revision] = dict(alive)

    shown = {revision: collection.as_of(revision) for revision in states}

    assert sum(found is not None for found in shown.values()) >= 50
    for revision, state in states.items():
        found = shown[revision]
        if found is not None:
            assert {each.key: each.document["data"]["value"] for each in found} == state
            assert [each.key for each in found] == sorted(state)
    assert shown[min(states)] is None


def test_a_window_keeps_at_least_as_many_changes_as_it_says() -> None:
    store = Store(window=10)
    for step in range(100):
        store.put("pods", "a", document("a", step))
        log = store.collection("pods").log
        position = log.position_after(store.revision - min(step + 1, 10))
        assert position is not None
        changes = log.read(position, 100)
        assert changes is not None
        assert len(changes) == min(step + 1, 10)
        assert len(log.read(max(0, log.end - 20), 1000) or []) <= 20


def test_positions_survive_trimming() -> None:
    store = Store(window=2)
    log = store.collection("pods").log
    for step in range(3):
        store.put("pods", "a", document("a", step))
    position = log.end
    for step in range(3, 10):
        store.put("pods", "a", document("a", step))
    assert log.read(position, 10) is None
    assert log.read(log.end, 10) == []


def test_a_collection_that_is_new_after_forgetting_has_no_past_either() -> None:
    store = Store()
    store.put("pods", "a", document("a"))
    before = store.revision
    store.forget_history()
    assert store.collection("pods").log.position_after(before) is None
    assert store.collection("nodes").log.position_after(before) is None
    assert store.collection("nodes").log.position_after(store.revision) == 0
