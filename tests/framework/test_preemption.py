"""The dry run: who has to go on a node, and on which node that hurts least."""

import pytest

from scheduler.api.policy import PodDisruptionBudget
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.post_filter import Candidate
from scheduler.framework.preemption import NO_VICTIMS, best, try_node
from scheduler.framework.what_if import WhatIf
from scheduler.plugins.catalogue import upstream_profile
from tests.builders import a_node, a_pod, decoded


def a_placed(name, cpu, priority=0, started="2026-01-01T00:00:00Z", **more):
    return a_pod(
        name, on="node", requests={"cpu": cpu}, spec={"priority": priority}, status={"startTime": started}, **more
    )


def tried(pod, *placed, budgets=(), nominated=()):
    cache = Cache()
    cache.add_node(a_node(cpu="4"))
    for other in placed:
        cache.add_pod(other)
    for budget in budgets:
        cache.budgets.put(budget)
    for other in nominated:
        cache.nominate(other, "node")
    info = make_pod_info(pod, None, cache.classes)
    evaluation = SchedulingCycle(cache, upstream_profile("test")).pod_evaluation(info)
    found = try_node(0, info, cache, WhatIf(info, evaluation, cache))
    return found if not isinstance(found, Candidate) else ([p.metadata.name for p in found.victims], found.violations)


def a_preemptor(cpu="2", priority=10):
    return a_pod("preemptor", requests={"cpu": cpu}, spec={"priority": priority})


def test_pods_of_the_same_priority_are_no_victims():
    assert tried(a_preemptor(), a_placed("same", "4", priority=10)) == NO_VICTIMS


def test_no_more_go_than_have_to():
    assert tried(a_preemptor(), a_placed("big", "3"), a_placed("small", "1")) == (["big"], 0)


def test_nobody_has_to_go_for_what_no_node_offers():
    """Though a pod that somebody put on the node by hand says that it takes it."""
    taker = a_pod("taker", on="node", requests={"cpu": "1", "made.up/thing": "5"}, spec={"priority": 0})
    pod = a_pod("preemptor", requests={"cpu": "4", "made.up/thing": "3"}, spec={"priority": 10})
    assert not isinstance(tried(pod, taker), tuple)


def test_the_more_important_stay():
    low, high = a_placed("low", "2", priority=1), a_placed("high", "2", priority=5)
    assert tried(a_preemptor(), high, low) == (["low"], 0)


def test_of_equals_the_one_that_has_run_longer_stays():
    old = a_placed("old", "2", started="2026-01-01T00:00:00Z")
    new = a_placed("new", "2", started="2026-01-02T00:00:00Z")
    assert tried(a_preemptor(), old, new) == (["new"], 0)
    waiting = a_placed("waiting", "2", started="")
    assert tried(a_preemptor(), waiting, new) == (["waiting"], 0)


def test_victims_are_listed_by_importance():
    placed = [a_placed("low", "1", priority=1), a_placed("high", "2", priority=5), a_placed("middle", "1", priority=3)]
    assert tried(a_preemptor("4"), *placed) == (["high", "middle", "low"], 0)


def test_a_pod_within_its_budget_goes_before_one_that_would_exceed_it():
    budget = decoded(
        {"metadata": {"name": "b", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"app": "db"}}}},
        PodDisruptionBudget,
    )
    guarded = a_placed("guarded", "2", priority=0, labels={"app": "db"})
    free = a_placed("free", "2", priority=5)
    assert tried(a_preemptor(), guarded, free, budgets=[budget]) == (["free"], 0)
    assert tried(a_preemptor("4"), guarded, free, budgets=[budget]) == (["free", "guarded"], 1)


def test_a_pod_that_does_not_fit_all_the_same_says_why():
    stays = a_placed("stays", "3", priority=10)
    found = tried(a_preemptor(), stays, a_placed("goes", "1"))
    assert (found.plugin, found.reasons) == ("NodeResourcesFit", ("Insufficient cpu",))


def test_room_for_nominated_pods_is_left():
    nominated = a_pod("nominated", requests={"cpu": "2"}, spec={"priority": 10})
    placed = [a_placed("one", "2", priority=5), a_placed("two", "2")]
    assert tried(a_preemptor(), *placed) == (["two"], 0)
    assert tried(a_preemptor(), *placed, nominated=[nominated]) == (["one", "two"], 0)
    below = a_pod("nominated", requests={"cpu": "2"}, spec={"priority": 9})
    assert tried(a_preemptor(), *placed, nominated=[below]) == (["two"], 0)


def a_candidate(node, *victims, violations=0):
    """``victims``: (priority, start)"""
    pods = [
        a_pod(spec={"priority": priority}, status={"startTime": f"2026-01-0{day}T00:00:00Z"})
        for priority, day in victims
    ]
    return Candidate(node, tuple(pods), violations)


BETTER_AND_WORSE = {
    "fewer violations": (a_candidate("a", (9, 1), (9, 1)), a_candidate("b", (1, 1), violations=1)),
    "a lower highest priority": (a_candidate("a", (1, 1), (1, 1), (1, 1)), a_candidate("b", (2, 1))),
    "a lower sum of priorities": (a_candidate("a", (5, 1), (1, 1)), a_candidate("b", (5, 1), (2, 1))),
    "fewer victims, negative priorities or not": (a_candidate("a", (5, 1)), a_candidate("b", (5, 1), (-9, 1))),
    "the most important have started later": (a_candidate("a", (5, 2), (1, 1)), a_candidate("b", (5, 1), (1, 3))),
    "the earliest of the most important": (a_candidate("a", (5, 2), (5, 2)), a_candidate("b", (5, 1), (5, 9))),
}


@pytest.mark.parametrize("pair", BETTER_AND_WORSE.values(), ids=BETTER_AND_WORSE)
def test_the_node_is_chosen_where_it_hurts_least(pair):
    better, worse = pair
    assert best([better, worse]) == best([worse, better]) == [better]


def test_nodes_that_are_as_good_are_all_named():
    pair = [a_candidate("a", (1, 1)), a_candidate("b", (1, 1))]
    assert best(pair) == pair
    assert best([]) == []
