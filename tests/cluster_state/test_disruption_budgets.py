"""Budgets are used up in the order in which pods would go; who they select is upstream's rule."""

import pytest

from scheduler.api.policy import PodDisruptionBudget
from scheduler.cluster.disruption_budgets import DisruptionBudgets
from tests.builders import a_pod, decoded


def a_budget(name="budget", allowed=0, selector=None, disrupted=(), namespace="default"):
    return decoded(
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {} if selector is None else {"selector": selector},
            "status": {
                "disruptionsAllowed": allowed,
                "disruptedPods": dict.fromkeys(disrupted, "2026-01-01T00:00:00Z"),
            },
        },
        PodDisruptionBudget,
    )


WEB = {"matchLabels": {"app": "web"}}
PODS = [a_pod(name, labels={"app": "web"}) for name in ("one", "two", "three")]


def exceeding(*budgets, pods=PODS):
    known = DisruptionBudgets()
    for budget in budgets:
        known.put(budget)
    return known.exceeding(pods)


@pytest.mark.parametrize(
    ("allowed", "expected"), [(0, [True] * 3), (1, [False, True, True]), (3, [False] * 3), (-1, [True] * 3)]
)
def test_a_budget_is_used_up_pod_by_pod(allowed, expected):
    assert exceeding(a_budget(allowed=allowed, selector=WEB)) == expected


@pytest.mark.parametrize(
    "budget",
    [
        a_budget(),
        a_budget(selector={}),
        a_budget(selector={"matchLabels": {"app": "db"}}),
        a_budget(selector=WEB, namespace="other"),
        a_budget(selector=WEB, disrupted=["one", "two", "three"]),
    ],
    ids=["no selector", "empty selector", "other labels", "other namespace", "evictions under way"],
)
def test_a_budget_that_does_not_select_a_pod_is_not_exceeded_by_it(budget):
    assert exceeding(budget) == [False] * 3


def test_a_pod_without_labels_is_selected_by_no_budget():
    anything = {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}
    assert exceeding(a_budget(selector=anything), pods=[a_pod(), a_pod(labels={"x": "y"})]) == [False, True]


def test_an_exceeded_budget_ends_the_count_in_the_later_ones():
    tight, loose = a_budget("tight", 0, WEB), a_budget("loose", 1, {"matchLabels": {"tier": "front"}})
    pods = [a_pod("both", labels={"app": "web", "tier": "front"}), a_pod("loose", labels={"tier": "front"})]
    assert exceeding(tight, loose, pods=pods) == [True, False]


def test_a_budget_that_changes_or_goes_is_forgotten_as_it_was():
    known = DisruptionBudgets()
    known.put(a_budget(selector=WEB))
    known.put(a_budget(allowed=3, selector=WEB))
    assert known.exceeding(PODS) == [False] * 3
    known.put(a_budget(selector=WEB))
    known.drop(a_budget())
    known.drop(a_budget("unknown"))
    assert known.exceeding(PODS) == [False] * 3
    assert not known


def test_a_pod_that_went_is_no_longer_to_be_spent_from_its_budgets():
    known = DisruptionBudgets()
    known.put(a_budget(allowed=2, selector=WEB))
    known.put(a_budget("other", allowed=0, selector={"matchLabels": {"app": "db"}}))
    known.spend(PODS[0])
    assert known.exceeding(PODS[1:]) == [False, True]
    for pod in PODS[1:]:
        known.spend(pod)
    assert known.exceeding(PODS[:1]) == [True]
    assert known.exceeding([a_pod("db", labels={"app": "db"})]) == [True]
