"""Two caches that mean the same are equal, whatever they have been through; and what differs is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from scheduler.api.affinity import PodAffinityTerm
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.comparison import differences
from scheduler.cluster.ports import ANY_ADDRESS, HostPort
from scheduler.cluster.requests import pod_requests
from scheduler.cluster.selection.pod_selectors import parse_pod_term
from tests.builders import a_node, a_pod, a_pod_term, a_taint, away, decoded, matching

FEW = (a_node("a"), a_node("b"))
TERM = a_pod_term("kubernetes.io/hostname", matching(app="web"))
SELECTOR = parse_pod_term(decoded(TERM, PodAffinityTerm), "default").selector
POD = a_pod(
    "web",
    on="a",
    requests={"cpu": "1", "example.com/gpu": "2"},
    ports=[{"hostPort": 80}],
    labels={"app": "web"},
    spec=away(TERM),
)
LIKE_IT = a_pod("like it", on="b", labels={"app": "web"})


def a_cache(nodes: Iterable[Node] = FEW, pods: Iterable[Pod] = (POD,)) -> Cache:
    cache = Cache()
    for node in nodes:
        cache.add_node(node)
    for pod in pods:
        cache.add_pod(pod)
    return cache


def test_whoever_came_and_went_in_whatever_order_leaves_no_difference() -> None:
    left, orphan = a_pod("left", on="b", requests={"x/y": "1"}), a_pod("orphan", on="gone")
    kept = a_cache([a_node("gone"), *FEW], [orphan, POD, left])
    matcher = kept.matchers.acquire((SELECTOR,), terminating=False)
    kept.remove_node("gone")
    kept.remove_pod(left)
    assert differences(kept, a_cache(reversed(FEW), [POD, orphan])) == []
    assert matcher.tally.total == 1


def test_a_selector_that_was_compared_is_still_forgotten_when_nobody_asks_any_more() -> None:
    kept, fresh = a_cache(), a_cache()
    matcher = kept.matchers.acquire((SELECTOR,), terminating=False)
    assert differences(kept, fresh) == []
    kept.matchers.release(matcher)
    assert (len(kept.matchers), len(fresh.matchers)) == (0, 0)


def test_empty_caches_are_equal() -> None:
    assert differences(Cache(), Cache()) == []


CHANGES: dict[str, Callable[[Cache], object]] = {
    "node b is gone, and still there": lambda fresh: fresh.remove_node("b"),
    "node c is missing": lambda fresh: fresh.add_node(a_node("c")),
    "pod default/web (uid-web) is counted on a instead of no node": lambda fresh: fresh.remove_pod(POD),
    "pod default/like it (uid-like it) is counted on no node instead of b": lambda fresh: fresh.add_pod(LIKE_IT),
    "node a and 0 others: cpu requested: 1000 instead of 2000": lambda fresh: fresh.nodes.resources.add(
        0, pod_requests(POD)
    ),
    "node b and 0 others: pods allocatable: 110 instead of 7": lambda fresh: fresh.add_node(a_node("b", pods="7")),
    "node a: ports: ": lambda fresh: fresh.nodes.ports.add(0, [HostPort(ANY_ADDRESS, "TCP", 81)]),
    "node b: labels: {} instead of {'zone': 'north'}": lambda fresh: fresh.add_node(
        a_node("b", labels={"zone": "north"})
    ),
    "node b: taints: () instead of ": lambda fresh: fresh.add_node(a_node("b", taints=[a_taint("t")])),
    "node b: unschedulable: False instead of True": lambda fresh: fresh.add_node(a_node("b", unschedulable=True)),
    "node b: platform: ": lambda fresh: fresh.add_node(a_node("b", architecture="arm64")),
}


@pytest.mark.parametrize(("told", "change"), CHANGES.items(), ids=CHANGES)
def test_what_differs_is_told(told: str, change: Callable[[Cache], object]) -> None:
    fresh = a_cache()
    change(fresh)
    assert any(difference.startswith(told) for difference in differences(a_cache(), fresh))


def test_counts_of_selectors_and_of_terms_are_compared() -> None:
    kept = a_cache()
    matcher = kept.matchers.acquire((SELECTOR,), terminating=False)
    matcher.tally.add(1, 1)
    next(iter(kept.carried_terms)).tally.add(1, 1)
    told = " ".join(differences(kept, a_cache()))
    assert "'pods meant by'" in told
    assert "'pods that carry'" in told
    assert told.count("node b and 0 others") == 2
