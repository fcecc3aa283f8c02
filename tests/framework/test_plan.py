"""PreFilter and PreScore: who is asked on, which rejection wins, what sets of names come to."""

import pytest

from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plan import make_plan
from scheduler.framework.plugin import SKIP, OnlyNodes
from scheduler.framework.profile import Profile
from scheduler.framework.status import Code, Rejection
from tests.builders import a_pod
from tests.framework.plugins import Answering, Failing, Refusing, Scoring

POD = PodClass(a_pod(), None)


def never(plugin):
    return Rejection(Code.UNRESOLVABLE, plugin, (f"{plugin} says never",))


def not_now(plugin):
    return Rejection(Code.UNSCHEDULABLE, plugin, (f"{plugin} says not now",))


def plan(*filters, scores=()):
    return make_plan(POD, Profile("test", filters, tuple((plugin, 1) for plugin in scores)))


def names(*nodes):
    return OnlyNodes(frozenset(nodes))


def test_a_plugin_that_skips_is_not_asked_for_nodes():
    skipping, filtering = Answering("A", SKIP), Refusing("B")
    assert plan(skipping, filtering).filters == (filtering,)


def test_never_ends_the_round_at_once():
    last = Answering("C", None)
    assert plan(Answering("A", not_now("A")), Answering("B", never("B")), last).rejection == never("B")
    assert last.asked == 0


def test_of_several_not_now_the_last_is_reported():
    answers = plan(Answering("A", not_now("A")), Answering("B", not_now("B")), Answering("C", None))
    assert answers.rejection == not_now("B")


def test_sets_of_names_are_intersected():
    found = plan(Answering("B", names("x", "y")), Answering("A", names("y", "z")))
    assert found.only_nodes == {"y"}
    assert found.narrowed_out == Rejection(Code.UNRESOLVABLE, "", ("node(s) didn't satisfy plugin(s) [A B]",)), (
        "names are sorted"
    )


@pytest.mark.parametrize(
    ("plugins", "reason"),
    [
        ([Answering("A", names())], "node(s) didn't satisfy plugin A"),
        (
            [Answering("B", names("x")), Answering("A", names("y"))],
            "node(s) didn't satisfy plugin(s) [A B] simultaneously",
        ),
    ],
)
def test_names_that_leave_nothing_reject_the_pod(plugins, reason):
    last = Answering("C", None)
    found = plan(*plugins, last)
    assert found.rejection == Rejection(Code.UNRESOLVABLE, "", (reason,))
    assert found.narrowed_by == tuple(plugin.name for plugin in plugins)
    assert last.asked == 0


def test_a_plugin_that_cannot_score_is_remembered_and_the_first_is_named():
    found = plan(scores=(Scoring("A", {}), Failing("B", {}), Failing("C", {})))
    assert str(found.score_error) == 'running PreScore plugin "B": the pod makes no sense'
    assert [plugin.name for plugin, _ in found.fixed_scores] == ["A"]
