"""The scheduling cycle: which node, or why none."""

from collections import Counter

import numpy as np
import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.framework.plugin import Normalization
from scheduler.framework.profile import Profile
from scheduler.framework.reporter import Reporter
from scheduler.framework.status import AttemptError, Code
from scheduler.plugins.catalogue import upstream_profile
from scheduler.plugins.node_affinity import NodeAffinity
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from tests.builders import a_node, a_pod, fields, required
from tests.framework.plugins import Failing, Refusing, Scoring


def a_cycle(nodes, *filters, scores=(), reporter=None, **options):
    cache = Cache()
    for node in nodes:
        cache.add_node(a_node(node) if isinstance(node, str) else node)
    weighted = tuple(score if isinstance(score, tuple) else (score, 1) for score in scores)
    return cache, SchedulingCycle(cache, Profile("test", filters, weighted), reporter, **options)


def decide(cache, cycle, pod):
    return cycle.decide(make_pod_info(pod, None, cache.classes))


def test_without_nodes_there_is_nothing_to_explain():
    decision = decide(*a_cycle([]), a_pod())
    assert isinstance(decision, Unschedulable)
    assert decision.fit_error.message == "no nodes available to schedule pods"
    assert decision.fit_error.rejecting_plugins == frozenset()


def test_the_only_possible_node_is_taken_without_scoring():
    cache, cycle = a_cycle(["a", "b"], Refusing("R", "a"), scores=[Failing("F", {})])
    assert decide(cache, cycle, a_pod()) == Placed("b", feasible=1, evaluated=2, score=0)


def test_a_pod_that_cannot_be_scored_fails_when_there_is_a_choice():
    cache, cycle = a_cycle(["a", "b"], scores=[Failing("F", {})])
    with pytest.raises(AttemptError, match='running PreScore plugin "F": the pod makes no sense'):
        decide(cache, cycle, a_pod())


def test_the_greatest_weighted_sum_wins():
    scores = [(Scoring("S", {"a": 60, "b": 10}), 1), (Scoring("T", {"b": 20}), 3)]
    assert decide(*a_cycle(["a", "b", "c"], scores=scores), a_pod()) == Placed("b", 3, 3, 70)


def test_scores_are_normalised_over_the_possible_nodes_only():
    raw = Scoring("S", {"a": 50, "b": 20, "c": 10}, Normalization.SCALED)
    assert decide(*a_cycle(["a", "b", "c"], Refusing("R", "a"), scores=[raw]), a_pod()) == Placed("b", 2, 3, 100)
    reverse = Scoring("S", {"a": 1, "b": 20, "c": 10}, Normalization.REVERSED)
    assert decide(*a_cycle(["a", "b", "c"], Refusing("R", "a"), scores=[reverse]), a_pod()) == Placed("c", 2, 3, 50)


def test_normalised_scores_follow_when_the_best_node_fills_up():
    raw = Scoring("S", {"a": 50, "b": 20, "c": 10}, Normalization.SCALED)
    cache, cycle = a_cycle([a_node("a", pods="1"), "b", "c"], NodeResourcesFit(), scores=[raw])
    placed = []
    for number in range(2):
        info = make_pod_info(a_pod(f"p{number}"), None, cache.classes)
        decision = cycle.decide(info)
        placed.append((decision.node, decision.score))
        cache.assume(info, decision.node)
    assert placed == [("a", 100), ("b", 100)]


def test_a_score_that_depends_on_the_whole_cluster_is_recomputed_in_a_new_epoch():
    score = Scoring("S", {"a": 50})
    cache, cycle = a_cycle(["a", "b"], scores=[score])
    assert decide(cache, cycle, a_pod()).node == "a"
    score.scores, score.now = {"b": 50}, 1
    cache.add_node(a_node("c"))
    assert decide(cache, cycle, a_pod()).node == "b"


def test_ties_go_to_different_nodes_for_different_pods_and_always_the_same_for_one():
    cache, cycle = a_cycle([f"n{number}" for number in range(4)])
    chosen = Counter(decide(cache, cycle, a_pod(f"p{number}")).node for number in range(400))
    assert set(chosen) == {"n0", "n1", "n2", "n3"}
    assert max(chosen.values()) < 250
    assert len({decide(cache, cycle, a_pod("p")).node for _ in range(5)}) == 1


def test_the_order_in_which_nodes_joined_does_not_matter():
    names = [f"n{number}" for number in range(10)]
    one, other = a_cycle(names), a_cycle(reversed(names))
    for number in range(20):
        assert decide(*one, a_pod(f"p{number}")).node == decide(*other, a_pod(f"p{number}")).node


def test_a_removed_node_is_not_chosen_and_a_new_one_is():
    cache, cycle = a_cycle(["a"])
    assert decide(cache, cycle, a_pod()).node == "a"
    cache.add_node(a_node("b"))
    cache.remove_node("a")
    assert decide(cache, cycle, a_pod()) == Placed("b", 1, 1, 0)
    cache.remove_node("b")
    assert decide(cache, cycle, a_pod()).fit_error.message == "no nodes available to schedule pods"


def test_the_table_may_grow_under_a_remembered_class():
    cache, cycle = a_cycle(["n0"])
    for number in range(1, 200):
        decide(cache, cycle, a_pod())
        cache.add_node(a_node(f"n{number}"))
    assert decide(cache, cycle, a_pod()).feasible == 200


class Recording(Reporter):
    def __init__(self):
        self.evaluated = 0
        self.calls = []

    def class_evaluated(self, rows):
        self.evaluated += 1

    def placed(self, feasible, nodes):
        self.calls.append((feasible, nodes))

    def rejected(self, plugins):
        self.calls.append(plugins)


def test_the_reporter_hears_what_was_decided():
    reporter = Recording()
    cache, cycle = a_cycle(["a", "b"], Refusing("R", "a", "b"), reporter=reporter)
    decide(cache, cycle, a_pod())
    cache.add_node(a_node("c"))
    decide(cache, cycle, a_pod())
    assert reporter.calls == [{"R"}, (1, 3)]


@pytest.mark.parametrize(("rows", "classes"), [(2 * 64, 1000), (1000 * 64, 2)])
def test_what_is_remembered_is_bounded_and_the_class_unused_longest_goes_first(monkeypatch, rows, classes):
    monkeypatch.setattr("scheduler.framework.cycle.MOST_REMEMBERED", classes)
    reporter = Recording()
    cache, cycle = a_cycle(["a"], reporter=reporter, remembered_rows=rows)
    pods = [a_pod(f"p{number}", image=f"app:{number}") for number in range(3)]
    infos = [make_pod_info(pod, None, cache.classes) for pod in pods]
    for info in (infos[0], infos[1], infos[0], infos[2], infos[0]):
        cycle.decide(info)
    assert reporter.evaluated == 3
    cycle.decide(infos[1])
    assert reporter.evaluated == 4


def test_one_class_is_remembered_whatever_the_bound():
    reporter = Recording()
    cache, cycle = a_cycle(["a"], reporter=reporter, remembered_rows=0)
    for number in range(3):
        decide(cache, cycle, a_pod(f"p{number}"))
    assert reporter.evaluated == 1


def test_normalised_scores_follow_when_many_nodes_fill_up_at_once():
    names = [f"n{number}" for number in range(12)]
    raw = Scoring("S", {"n0": 50, "n1": 20}, Normalization.SCALED)
    cache, cycle = a_cycle([a_node(name, pods="1") for name in names], NodeResourcesFit(), scores=[raw])
    assert decide(cache, cycle, a_pod()) == Placed("n0", 12, 12, 100)
    for name in ("n0", "n2", "n3", "n4", "n5", "n6"):
        cache.add_pod(a_pod(f"on-{name}", on=name))
    assert decide(cache, cycle, a_pod()) == Placed("n1", 6, 12, 100)


# Rejections


def test_of_two_filters_that_reject_a_node_the_first_in_the_profile_is_named():
    full = a_node("a", pods="0")
    before, after = Refusing("E", "a", reason="is early"), Refusing("L", "a", reason="is late")
    for filters, reason in (([before, NodeResourcesFit()], "is early"), ([NodeResourcesFit(), after], "Too many pods")):
        message = decide(*a_cycle([full], *filters), a_pod()).fit_error.message
        assert message == f"0/1 nodes are available: 1 {reason}."


def test_the_message_counts_reasons_and_sorts_them_as_text():
    filters = [
        Refusing("Z", *(f"n{number}" for number in range(10)), reason="is tainted", code=Code.UNRESOLVABLE),
        Refusing("A", "n10", "n11", reason="is full"),
        Refusing("B", *(f"n{number}" for number in range(20)), reason="is last"),
    ]
    decision = decide(*a_cycle([f"n{number}" for number in range(15)], *filters), a_pod())
    assert decision.fit_error.message == "0/15 nodes are available: 10 is tainted, 2 is full, 3 is last."
    assert decision.fit_error.rejecting_plugins == {"A", "B", "Z"}
    codes = [rejection.code for rejection in decision.fit_error.statuses.rejections]
    assert codes == [Code.UNRESOLVABLE, Code.UNSCHEDULABLE, Code.UNSCHEDULABLE]


def test_the_diagnosis_follows_the_cluster():
    cache, cycle = a_cycle([a_node("a", cpu="1"), a_node("b", cpu="1")], NodeResourcesFit())
    big = a_pod("big", requests={"cpu": "2"})
    assert decide(cache, cycle, big).fit_error.message == "0/2 nodes are available: 2 Insufficient cpu."
    cache.add_node(a_node("c", cpu="1", pods="0"))
    expected = "0/3 nodes are available: 1 Too many pods, 3 Insufficient cpu."
    assert decide(cache, cycle, big).fit_error.message == expected
    assert decide(cache, cycle, big).fit_error is decide(cache, cycle, big).fit_error
    cache.add_pod(a_pod("first", on="a", requests={"cpu": "1"}))
    small = a_pod("small", requests={"cpu": "1"})
    assert decide(cache, cycle, small).node == "b"


def narrowed_to(name):
    return required(fields(("metadata.name", "In", [name])))


def test_nodes_that_prefilter_left_out_are_counted_and_their_plugin_waits_for_events():
    cache = Cache()
    for name in ("a", "b", "c"):
        cache.add_node(a_node(name, unschedulable=True))
    cycle = SchedulingCycle(cache, upstream_profile("test"))
    decision = decide(cache, cycle, a_pod(node_affinity=narrowed_to("b")))
    assert decision.fit_error.message == (
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    )
    assert decision.fit_error.rejecting_plugins == {"NodeUnschedulable", "NodeAffinity"}


def test_a_pod_rejected_as_a_whole_names_the_reason_once():
    cache = Cache()
    for name in ("a", "b"):
        cache.add_node(a_node(name))
    cycle = SchedulingCycle(cache, upstream_profile("test"))
    conflict = required(fields(("metadata.name", "In", ["a"]), ("metadata.name", "In", ["b"])))
    decision = decide(cache, cycle, a_pod(node_affinity=conflict))
    assert decision.fit_error.message == "0/2 nodes are available: pod affinity terms conflict."
    assert decision.fit_error.rejecting_plugins == {"NodeAffinity"}
    assert decision.fit_error.rejection.code is Code.UNRESOLVABLE


def rows_of(cache, *names):
    return np.array([cache.nodes.row_of(name) for name in names], dtype=np.intp)


def test_among_some_nodes_the_best_of_them_is_taken():
    cache, cycle = a_cycle("abcd", Refusing("R", "d"), scores=[Scoring("S", {"a": 90, "b": 20, "c": 10})])
    info = make_pod_info(a_pod(), None, cache.classes)
    assert cycle.decide_among(info, rows_of(cache, "c", "b", "d")) == Placed("b", 2, 3, 20)
    assert cycle.decide_among(info, rows_of(cache, "d", "c")) == Placed("c", 1, 2, 0)
    assert cycle.decide_among(info, rows_of(cache, "d")) is None
    assert cycle.decide_among(info, rows_of(cache, *"dcba")) == cycle.decide(info)


def test_among_some_nodes_none_is_possible_for_a_pod_that_can_run_nowhere():
    cache, cycle = a_cycle("ab", NodeAffinity())
    conflict = required(fields(("metadata.name", "In", ["a"]), ("metadata.name", "In", ["b"])))
    info = make_pod_info(a_pod(spec={"affinity": {"nodeAffinity": conflict}}), None, cache.classes)
    assert cycle.decide_among(info, rows_of(cache, "a", "b")) is None


def test_among_some_nodes_a_pod_that_cannot_be_scored_fails_when_there_is_a_choice():
    cache, cycle = a_cycle("abc", scores=[Failing("F", {})])
    info = make_pod_info(a_pod(), None, cache.classes)
    assert cycle.decide_among(info, rows_of(cache, "b")) == Placed("b", 1, 1, 0)
    with pytest.raises(AttemptError, match="the pod makes no sense"):
        cycle.decide_among(info, rows_of(cache, "b", "c"))


def test_among_some_nodes_room_is_left_to_nominated_pods_and_the_own_nomination_goes_first():
    small = [a_node(name, pods="1") for name in "abc"]
    cache, cycle = a_cycle(small, NodeResourcesFit(), scores=[Scoring("S", {"a": 90, "b": 50, "c": 20})])
    cache.nominate(a_pod("urgent", spec={"priority": 10}), "a")
    info = make_pod_info(a_pod(), None, cache.classes)
    assert cycle.decide_among(info, rows_of(cache, *"abc")) == Placed("b", 2, 3, 50)
    assert cycle.decide_among(info, rows_of(cache, "a")) is None
    cache.nominate(info.pod, "c")
    assert cycle.decide_among(info, rows_of(cache, *"abc")).node == "c"
    assert cycle.decide_among(info, rows_of(cache, "b", "a")).node == "b"
