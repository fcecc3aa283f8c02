"""Delegated mode: one node, promised until it comes true or is given up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extender.verbs.delegate import Delegate
from extender.wire.arguments import MalformedBody, read_extender_args
from scheduler.cluster.cache import Cache
from scheduler.plugins.catalogue import default_profile
from tests.extender.builders import (
    UNREACHABLE,
    a_cache,
    a_mixed_cache,
    a_node,
    a_pod,
    an_index,
    extender_args,
    pod_info,
)

ARM = an_index("linux/arm64")
GIVE_UP = 60.0


class Delegation:
    """A delegate over a cache, asked about pods by name."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.delegate = Delegate(cache, default_profile("default-scheduler"), GIVE_UP)

    def ask(
        self, pod: str, content: Any = ARM, *, names: list[str] | None = None, cpu: str = "100m", now: float = 0.0
    ) -> dict[str, Any]:
        names = [node.name for _, node in self.cache.nodes] if names is None else names
        args = read_extender_args(extender_args(names=names))
        answer = self.delegate(args, pod_info(self.cache, content, pod, cpu=cpu), now)
        body: dict[str, Any] = json.loads(answer.body)
        assert answer.nodes_out == len(body["NodeNames"])
        assert answer.nodes_in == len(names)
        return body


def test_exactly_one_node_is_answered_and_the_pod_counts_there() -> None:
    delegation = Delegation(a_mixed_cache())
    (node,) = delegation.ask("web-0")["NodeNames"]
    assert node in {"arm-0", "arm-1"}
    assert delegation.cache.node_of("uid-web-0") == node


def test_pods_are_not_promised_the_same_room() -> None:
    delegation = Delegation(a_mixed_cache())
    given = [delegation.ask(f"web-{number}", cpu="5")["NodeNames"] for number in range(3)]
    assert {name for names in given[:2] for name in names} == {"arm-0", "arm-1"}
    assert given[2] == []


def test_why_there_is_no_node_is_told_by_node_and_room_may_be_made() -> None:
    delegation = Delegation(a_mixed_cache())
    body = delegation.ask("web-0", cpu="7")
    body = delegation.ask("web-1", cpu="7")
    body = delegation.ask("web-2", cpu="7")
    assert body["FailedNodes"] == {"arm-0": "Insufficient cpu", "arm-1": "Insufficient cpu"}
    assert set(body["FailedAndUnresolvableNodes"]) == {"amd-0", "amd-1", "win-0"}


def test_a_pod_that_is_impossible_as_such_is_refused_everywhere() -> None:
    delegation = Delegation(a_mixed_cache())
    cache = delegation.cache
    pod = a_pod("web-0")
    pod.spec.node_selector = {"disk": "none"}
    body = delegation.ask("web-0", UNREACHABLE)
    assert body["NodeNames"] == []
    assert set(body["FailedAndUnresolvableNodes"]) == {node.name for _, node in cache.nodes}


def test_a_pod_that_is_asked_for_again_is_decided_anew() -> None:
    """Its binding failed: what was promised is free again."""
    delegation = Delegation(a_cache(a_node("arm-0", "arm64")))
    for _ in range(3):
        assert delegation.ask("web-0", cpu="5")["NodeNames"] == ["arm-0"]
    assert len(delegation.cache) == 1


def test_only_a_node_that_was_sent_is_answered() -> None:
    delegation = Delegation(a_mixed_cache())
    for number in range(8):
        assert delegation.ask(f"web-{number}", names=["amd-0", "arm-1"])["NodeNames"] == ["arm-1"]
    assert delegation.ask("web-8", names=["amd-0"])["NodeNames"] == []
    assert delegation.ask("web-9", names=["nobody"])["NodeNames"] == []


def test_a_promise_that_does_not_come_true_is_given_up() -> None:
    delegation = Delegation(a_mixed_cache())
    delegation.ask("early", now=0.0)
    delegation.ask("late", now=30.0)
    assert delegation.delegate.expire(59.0) == 0
    assert delegation.delegate.expire(60.0) == 1
    assert delegation.cache.node_of("uid-early") is None
    assert delegation.cache.node_of("uid-late") is not None


def test_a_promise_that_came_true_is_not_given_up() -> None:
    delegation = Delegation(a_mixed_cache())
    (node,) = delegation.ask("web-0")["NodeNames"]
    bound = a_pod("web-0")
    bound.spec.node_name = node
    delegation.cache.add_pod(bound)
    assert delegation.delegate.expire(GIVE_UP + 1) == 0
    assert delegation.cache.node_of("uid-web-0") == node
    delegation.ask("web-0")
    assert delegation.cache.node_of("uid-web-0") == node


def test_a_promise_renewed_is_not_given_up_with_the_old_one() -> None:
    delegation = Delegation(a_mixed_cache())
    delegation.ask("web-0", now=0.0)
    delegation.ask("web-0", now=50.0)
    assert delegation.delegate.expire(60.0) == 0
    assert delegation.delegate.expire(110.0) == 1


def test_whole_nodes_are_refused_with_the_setting_that_helps() -> None:
    cache = a_mixed_cache()
    delegate = Delegate(cache, default_profile("default-scheduler"), GIVE_UP)
    with pytest.raises(MalformedBody, match="nodeCacheCapable"):
        delegate(read_extender_args(extender_args(nodes=[])), pod_info(cache, ARM), 0.0)
