"""Who may preempt, what users are told, and what a nomination means to the next attempts."""

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.post_filter import Nominating, Outcome
from scheduler.plugins.catalogue import default_selection, make_profile, upstream_profile
from tests.builders import a_node, a_pod, required


def a_cluster(*pods, nodes=("a", "b"), profile=None):
    cache = Cache()
    for node in nodes:
        cache.add_node(a_node(node, cpu="2") if isinstance(node, str) else node)
    for pod in pods:
        cache.add_pod(pod)
    return cache, SchedulingCycle(cache, profile or upstream_profile("test"))


def decide(cache, cycle, pod):
    return cycle.decide(make_pod_info(pod, None, cache.classes))


def preempt(cache, cycle, pod):
    info = make_pod_info(pod, None, cache.classes)
    return cycle.post_filter(info, cycle.decide(info).fit_error)


def a_low(name, on, **more):
    return a_pod(name, on=on, requests={"cpu": "2"}, spec={"priority": 0}, **more)


def a_high(name="high", priority=10, nominated="", **spec):
    status = {"nominatedNodeName": nominated} if nominated else {}
    return a_pod(name, requests={"cpu": "1"}, spec={"priority": priority, **spec}, status=status)


def test_room_is_made_where_it_hurts_least_by_name_among_equals():
    found = preempt(*a_cluster(a_low("one", "b"), a_low("two", "a")), a_high())
    assert (found.outcome, found.nominating, found.node) == (Outcome.SUCCESS, Nominating.SET, "a")
    assert found.message == "preemption: found a potential placement for pod on node a, preempting 1 victims"
    assert found.trials().equals == ("a", "b")
    assert [pod.metadata.name for pod in found.chosen.victims] == ["two"]


def test_nodes_that_evictions_do_not_help_are_not_tried():
    small, cordoned = a_node("b", cpu="500m"), a_node("c", cpu="2", unschedulable=True)
    pods = (a_low("one", "a"), a_low("two", "b"), a_low("three", "c"))
    found = preempt(*a_cluster(*pods, nodes=("a", small, cordoned)), a_high())
    assert [candidate.node for candidate in found.trials().candidates] == ["a"]
    assert found.trials().rejected == {}


def test_why_no_room_can_be_made_is_told_in_the_words_of_a_fit_error():
    cordoned = a_node("c", unschedulable=True)
    found = preempt(*a_cluster(a_low("one", "a"), a_low("two", "b"), nodes=("a", "b", cordoned)), a_high(priority=0))
    assert found.message == (
        "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling,"
        " 2 No preemption victims found for incoming pod."
    )
    assert set(found.trials().rejected) == {"a", "b"}


def test_a_pod_that_never_preempts_does_not():
    found = preempt(*a_cluster(a_low("one", "a"), nodes=["a"]), a_high(preemptionPolicy="Never"))
    assert found.message == "preemption: not eligible due to preemptionPolicy=Never."
    assert found.nominating is Nominating.KEEP


def a_victim(on, reason="PreemptionByScheduler", status="True"):
    pod = a_low("victim", on, status={"conditions": [{"type": "DisruptionTarget", "status": status, "reason": reason}]})
    pod.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    return pod


@pytest.mark.parametrize(
    ("victim", "waits"),
    [
        (a_victim("a"), True),
        (a_victim("b"), False),
        (a_victim("a", reason="EvictionByEvictionAPI"), False),
        (a_victim("a", status="False"), False),
    ],
    ids=["on its node", "on another node", "evicted by someone else", "condition taken back"],
)
def test_a_pod_waits_for_the_victims_on_its_node(victim, waits):
    other = a_low("other", "b" if victim.spec.node_name == "a" else "a")
    found = preempt(*a_cluster(victim, other), a_high(nominated="a"))
    assert (found.message == "preemption: not eligible due to a terminating pod on the nominated node.") is waits


def test_a_pod_whose_node_has_become_hopeless_looks_elsewhere():
    cordoned = a_node("a", cpu="2", unschedulable=True)
    found = preempt(*a_cluster(a_victim("a"), a_low("other", "b"), nodes=(cordoned, "b")), a_high(nominated="a"))
    assert found.node == "b"


def test_a_pod_rejected_as_a_whole_gets_the_message_that_upstream_gives():
    conflict = required(
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]} for name in ("a", "b")]}
    )
    pod = a_pod(node_affinity=conflict)
    assert preempt(*a_cluster(), pod).message == "not found"
    without = make_profile(default_selection("test").without("ImagePlatform").without("DynamicResources"))
    assert preempt(*a_cluster(profile=without), pod).message == (
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )


def test_a_profile_without_it_has_nothing_to_say():
    profile = make_profile(default_selection("test").without("ImagePlatform").without("DefaultPreemption"))
    assert preempt(*a_cluster(a_low("one", "a"), nodes=["a"], profile=profile), a_high()) is None


def test_a_cluster_without_nodes_is_no_case_for_preemption():
    assert preempt(*a_cluster(nodes=()), a_high()) is None


# Nominations


def test_others_leave_the_room_to_a_nominated_pod():
    cache, cycle = a_cluster(nodes=["a"])
    cache.nominate(a_pod("nominated", requests={"cpu": "2"}, spec={"priority": 5}), "a")
    decision = decide(cache, cycle, a_high(priority=5))
    assert decision.fit_error.message == "0/1 nodes are available: 1 Insufficient cpu."
    assert decide(cache, cycle, a_high("higher", priority=6)) == Placed("a", 1, 1, 0)


def test_scores_are_normalised_over_what_nominations_leave():
    taints = [{"key": "k", "effect": "PreferNoSchedule"}, {"key": "l", "effect": "PreferNoSchedule"}]
    nodes = (a_node("a", taints=taints), a_node("b", taints=taints[:1]), a_node("c", taints=taints[:1]))
    cache, cycle = a_cluster(nodes=nodes)
    pod = a_pod(requests={"cpu": "1"})
    everywhere = decide(cache, cycle, pod)
    cache.nominate(a_pod("nominated", requests={"cpu": "4"}), "a")
    beside = decide(cache, cycle, pod)
    assert (everywhere.feasible, beside.feasible) == (3, 2)
    assert everywhere.score - beside.score == 3 * 50  # one taint of two, then one of one


def test_a_pod_goes_to_its_own_node_if_it_fits_there():
    cache, cycle = a_cluster(a_pod("half", on="b", requests={"cpu": "1"}))
    assert decide(cache, cycle, a_high(nominated="b")) == Placed("b", 1, 2, 0)
    assert decide(cache, cycle, a_high(nominated="gone")).node == "a"
    cache.add_pod(a_pod("full", on="b", requests={"cpu": "1"}))
    assert decide(cache, cycle, a_high(nominated="b")).node == "a"
