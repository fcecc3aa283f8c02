"""Terms of placed pods: counted while they are carried, found by the newcomers that they mean."""

import pytest

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.cluster.selection.carried_terms import Role
from tests.builders import a_node, a_pod, a_pod_term, away, matching, near

WEB = matching(app="web")
BROKEN = {"matchExpressions": [{"key": "a", "operator": "?"}]}


@pytest.fixture
def cache():
    cache = Cache()
    cache.add_node(a_node("n"))
    return cache


def about(cache: Cache, newcomer: Pod):
    shape = cache.classes.shapes.of(newcomer)
    return {(term.role, term.weight, term.tally.total) for term in cache.carried_terms.about(shape)}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (away(a_pod_term("zone", WEB)), {(Role.BARS, 0, 1)}),
        (near(a_pod_term("zone", WEB)), {(Role.DRAWS, 0, 1)}),
        (near(wishes=[(30, a_pod_term("zone", WEB))]), {(Role.WEIGHS, 30, 1)}),
        (away(wishes=[(30, a_pod_term("zone", WEB))]), {(Role.WEIGHS, -30, 1)}),
        (away(a_pod_term("zone", WEB), a_pod_term("zone", WEB)), {(Role.BARS, 0, 2)}),
        (away(a_pod_term("zone", None)), set()),
        (away(a_pod_term("zone", WEB), a_pod_term("zone", BROKEN)), set()),
        ({}, set()),
    ],
)
def test_a_term_is_found_by_whom_it_means_while_somebody_carries_it(cache, spec, found):
    carrier = a_pod("carrier", on="n", spec=spec)
    cache.add_pod(carrier)
    assert about(cache, a_pod(labels={"app": "web"})) == found
    assert about(cache, a_pod(labels={"app": "db"})) == set()
    assert about(cache, a_pod(namespace="far", labels={"app": "web"})) == set()
    cache.remove_pod(carrier)
    assert about(cache, a_pod(labels={"app": "web"})) == set()


def test_an_assumed_pod_carries_what_it_carries_once_it_is_bound(cache):
    pending = a_pod("carrier", spec=away(a_pod_term("zone", WEB)))
    cache.assume(make_pod_info(pending, None, cache.classes), "n")
    version = cache.carried_terms.version
    cache.add_pod(a_pod("carrier", on="n", spec=away(a_pod_term("zone", WEB))))
    assert about(cache, a_pod(labels={"app": "web"})) == {(Role.BARS, 0, 1)}
    assert cache.carried_terms.version == version
