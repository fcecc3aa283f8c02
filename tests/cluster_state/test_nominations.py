"""Who is nominated where, and who goes before whom."""

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from tests.builders import a_node, a_pod


def nominated(cache, node):
    return [placed.pod.metadata.name for placed in cache.nominations.on(node)]


@pytest.fixture
def cache():
    made = Cache()
    for name in ("a", "b"):
        made.add_node(a_node(name))
    return made


def test_a_pod_is_nominated_to_one_node_at_most(cache):
    pod = a_pod()
    cache.nominate(pod, "a")
    cache.nominate(pod, "b")
    assert (nominated(cache, "a"), nominated(cache, "b")) == ([], ["pod"])
    assert list(cache.nominations) == ["b"]
    cache.nominations.withdraw("uid-pod")
    cache.nominations.withdraw("uid-pod")
    assert (len(cache.nominations), list(cache.nominations)) == (0, [])


def test_a_pod_that_is_placed_is_nominated_no_more(cache):
    assumed, bound = a_pod("assumed"), a_pod("bound")
    cache.nominate(assumed, "a")
    cache.nominate(bound, "a")
    cache.assume(make_pod_info(assumed, None, cache.classes), "b")
    assert nominated(cache, "a") == ["bound"]
    cache.add_pod(a_pod("bound", on="b"))
    assert nominated(cache, "a") == []


def test_a_nominated_pod_takes_nothing_of_the_node_yet(cache):
    before = [column.copy() for column in cache.nodes.resources.requested]
    cache.nominate(a_pod(requests={"cpu": "1"}), "a")
    assert all((old == new).all() for old, new in zip(before, cache.nodes.resources.requested, strict=False))
    assert len(cache) == 0


@pytest.mark.parametrize(("priority", "first"), [(0, ["same", "high"]), (1, ["high"]), (9, [])])
def test_those_of_the_same_or_a_higher_priority_go_first(cache, priority, first):
    for name, own in (("low", -1), ("same", 0), ("high", 5)):
        cache.nominate(a_pod(name, spec={"priority": own}), "a")
    going_first = cache.nominations.going_first("a", "uid-other", priority)
    assert [placed.pod.metadata.name for placed in going_first] == first
    assert cache.nominations.going_first("b", "uid-other", priority) == []


def test_no_pod_goes_before_itself(cache):
    cache.nominate(a_pod(), "a")
    assert cache.nominations.going_first("a", "uid-pod", 0) == []
