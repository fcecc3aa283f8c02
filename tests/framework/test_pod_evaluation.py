"""Plugins that are not row-local: their answers are laid over those of the others, and follow the cluster."""

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.explanation import explain
from scheduler.framework.plugin import Normalization
from scheduler.framework.profile import Profile
from scheduler.framework.status import AttemptError, Code, Rejection
from tests.builders import a_node, a_pod
from tests.framework.plugins import Refusing, Scoring, Spanning


def a_cycle(nodes, *filters, scores=(), **options):
    cache = Cache()
    for name in nodes:
        cache.add_node(a_node(name))
    profile = Profile("test", filters, tuple(score if isinstance(score, tuple) else (score, 1) for score in scores))
    return cache, SchedulingCycle(cache, profile, **options)


def info(cache, pod):
    return make_pod_info(pod, None, cache.classes)


def decide(cache, cycle, pod=None):
    return cycle.decide(info(cache, pod or a_pod()))


def test_a_node_must_pass_both_kinds_of_filters():
    cache, cycle = a_cycle(["a", "b", "c"], Refusing("R", "a"), Spanning("S", refused=["b"]))
    assert decide(cache, cycle) == Placed("c", feasible=1, evaluated=3, score=0)


def test_scores_of_both_kinds_are_added_with_their_weights():
    spanning = Spanning("S", scores={"a": 10, "b": 30})
    cache, cycle = a_cycle(["a", "b", "c"], scores=[(Scoring("T", {"a": 100}), 1), (spanning, 4)])
    assert decide(cache, cycle) == Placed("a", 3, 3, 140)
    assert explain(cycle.pod_evaluation(info(cache, a_pod())), cache.nodes).scores == {
        "a": {"T": 100, "S": 40},
        "b": {"T": 0, "S": 120},
        "c": {"T": 0, "S": 0},
    }


def test_row_local_scores_are_normalised_over_what_all_filters_leave():
    raw = Scoring("T", {"a": 50, "b": 20, "c": 10}, Normalization.SCALED)
    spanning = Spanning("S", refused=["a"])
    cache, cycle = a_cycle(["a", "b", "c"], spanning, scores=[raw])
    assert decide(cache, cycle) == Placed("b", 2, 3, 100)
    spanning.refused = set()
    assert decide(cache, cycle) == Placed("a", 3, 3, 100)


def test_a_pod_rejected_as_a_whole_is_tried_again_when_that_has_passed():
    spanning = Spanning("S", rejection=Rejection(Code.UNRESOLVABLE, "S", ("not yet",)))
    cache, cycle = a_cycle(["a", "b"], spanning)
    fit_error = decide(cache, cycle).fit_error
    assert fit_error.message == "0/2 nodes are available: not yet."
    assert fit_error.rejecting_plugins == {"S"}
    spanning.rejection = None
    assert isinstance(decide(cache, cycle), Placed)


def test_never_ends_the_round_and_of_several_not_now_the_last_is_reported():
    def no(name, code):
        return Spanning(name, rejection=Rejection(code, name, (f"{name} says no",)))

    not_now, never = Code.UNSCHEDULABLE, Code.UNRESOLVABLE
    message = "0/1 nodes are available: {} says no."
    assert decide(*a_cycle(["a"], no("A", not_now), no("B", not_now))).fit_error.message == message.format("B")
    assert decide(*a_cycle(["a"], no("A", never), no("B", not_now))).fit_error.message == message.format("A")


def test_the_first_filter_of_the_profile_is_named_whichever_kind_it_is():
    spanning, local = Spanning("S", refused=["a"]), Refusing("R", "a", reason="is local")
    for filters, reason, plugin in (([spanning, local], "spans", "S"), ([local, spanning], "is local", "R")):
        fit_error = decide(*a_cycle(["a"], *filters)).fit_error
        assert fit_error.message == f"0/1 nodes are available: 1 {reason}."
        assert fit_error.rejecting_plugins == {plugin}


def test_an_error_while_scoring_fails_the_attempt_only_if_there_is_a_choice():
    spanning = Spanning("S", error=AttemptError("no idea"), refused=["a"])
    cache, cycle = a_cycle(["a", "b"], spanning, scores=[spanning])
    assert isinstance(decide(cache, cycle), Placed)
    cache.add_node(a_node("c"))
    with pytest.raises(AttemptError, match='running PreScore plugin "S": no idea'):
        decide(cache, cycle)


def test_a_filter_that_scores_too_has_one_state():
    spanning = Spanning("S", refused=["a"], scores={"b": 7})
    cache, cycle = a_cycle(["a", "b", "c"], spanning, scores=[spanning])
    assert decide(cache, cycle).score == 7
    assert spanning.states == 1


def test_pods_that_differ_in_labels_only_share_what_is_known_of_their_class():
    spanning = Spanning("S")
    cache, cycle = a_cycle(["a", "b"], spanning)
    for number in range(3):
        decide(cache, cycle, a_pod(labels={"index": str(number)}))
    assert spanning.states == 3
    assert len(cache.classes) == 1


def test_a_likeness_that_is_forgotten_is_closed():
    spanning = Spanning("S")
    cache, cycle = a_cycle(["a"], spanning, remembered_rows=2 * 64)
    for number in range(5):
        decide(cache, cycle, a_pod(labels={"index": str(number)}))
    assert (spanning.states, spanning.closed) == (5, 3)


def test_a_dry_run_without_changes_says_what_the_filter_says():
    spanning = Spanning("S", refused=["a"])
    cache, cycle = a_cycle(["a", "b"], spanning)
    evaluation = cycle.pod_evaluation(info(cache, a_pod()))
    ((_, state),) = evaluation.filters()
    rejections = [state.rejection_if(cache.nodes.row_of(name), (), ()) for name in ("a", "b")]
    assert rejections == [Rejection(Code.UNSCHEDULABLE, "S", ("spans",)), None]
