"""Matchers count the pods that they mean from the moment somebody asks until nobody does."""

import pytest

from scheduler.api.requirement import Requirement
from scheduler.cluster.selection.matchers import Matchers
from scheduler.cluster.selection.namespaces import NamespaceLabels
from scheduler.cluster.selection.pod_selectors import PodSelector
from scheduler.cluster.shapes import PodShape

WEB = (Requirement("app", "In", frozenset({"web"})),)
HERE = PodSelector(frozenset({"home"}), None, WEB)
ANYWHERE = PodSelector(frozenset(), (), WEB)
ONE, DYING = PodShape("home", {"app": "web"}, terminating=False), PodShape("home", {"app": "web"}, terminating=True)
FAR, OTHER = PodShape("far", {"app": "web"}, terminating=False), PodShape("home", {"app": "db"}, terminating=False)


@pytest.fixture
def matchers():
    return Matchers(NamespaceLabels())


def counts(matcher):
    return matcher.tally.counts(4).tolist()


def place_all(matchers):
    for row, shape in enumerate((ONE, FAR, OTHER, DYING)):
        matchers.place(row, shape)


@pytest.mark.parametrize("placed_first", [True, False])
@pytest.mark.parametrize(
    ("selectors", "terminating", "expected"),
    [
        ((HERE,), False, [1, 0, 0, 0]),
        ((HERE,), True, [1, 0, 0, 1]),
        ((ANYWHERE,), True, [1, 1, 0, 1]),
        ((ANYWHERE, HERE), True, [1, 0, 0, 1]),
    ],
)
def test_pods_count_whether_they_or_the_question_came_first(matchers, placed_first, selectors, terminating, expected):
    if placed_first:
        place_all(matchers)
    matcher = matchers.acquire(selectors, terminating=terminating)
    if not placed_first:
        place_all(matchers)
    assert counts(matcher) == expected
    for row, shape in enumerate((ONE, FAR, OTHER, DYING)):
        matchers.displace(row, shape)
    assert counts(matcher) == [0, 0, 0, 0]
    assert matcher.tally.total == 0


def test_the_same_question_has_one_matcher_until_all_have_released_it(matchers):
    place_all(matchers)
    one, other = (matchers.acquire((HERE,), terminating=False) for _ in range(2))
    assert one is other
    matchers.release(one)
    matchers.place(1, ONE)
    assert counts(other) == [1, 1, 0, 0]
    matchers.release(other)
    assert len(matchers) == 0
    matchers.place(1, ONE)
    assert counts(other) == [1, 1, 0, 0], "what nobody asks about is not counted on"
    assert counts(matchers.acquire((HERE,), terminating=False)) == [1, 2, 0, 0]
