"""Who counts where, whatever the order of news; and after any history the same as counted from scratch."""

import gc
import weakref

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.cluster.ports import ANY_ADDRESS, HostPort
from scheduler.cluster.resources import CPU_COLUMN, PODS_COLUMN
from tests.builders import a_node, a_pod

PORT = HostPort(ANY_ADDRESS, "TCP", 80)


def used(cache, node):
    """(millicores, pods) counted on a node."""
    row = cache.nodes.row_of(node)
    requested = cache.nodes.resources.requested
    return int(requested[CPU_COLUMN][row]), int(requested[PODS_COLUMN][row])


def a_cache(*nodes):
    cache = Cache()
    for name in nodes:
        cache.add_node(a_node(name))
    return cache


def info(cache, pod):
    return make_pod_info(pod, None, cache.classes)


def test_a_cache_that_nobody_needs_any_more_goes_without_a_search_for_circles():
    gc.disable()
    try:
        cache = a_cache("a")
        cache.add_pod(a_pod(on="a", labels={"app": "web"}, requests={"cpu": "1"}))
        gone = weakref.ref(cache)
        del cache
        assert gone() is None
    finally:
        gc.enable()


def test_a_bound_pod_counts_on_its_node_until_it_is_gone():
    cache = a_cache("a")
    pod = a_pod(on="a", requests={"cpu": "1"})
    cache.add_pod(pod)
    assert used(cache, "a") == (1000, 1)
    assert cache.node_of("uid-pod") == "a"
    cache.remove_pod(pod)
    assert used(cache, "a") == (0, 0)
    assert len(cache) == 0
    cache.remove_pod(pod)


def test_pods_that_are_not_kept_count_as_well():
    cache = Cache(keeps_pods=False)
    cache.add_node(a_node("a"))
    pod = a_pod(on="a", requests={"cpu": "1"}, labels={"app": "web"})
    cache.assume(info(cache, a_pod("other", requests={"cpu": "1"})), "a")
    for version in ("1", "2"):
        pod.metadata.resource_version = version
        cache.add_pod(pod)
        assert used(cache, "a") == (2000, 2)
    assert not {pod.metadata.name for _, placed in cache for pod in [placed.pod]} - {""}
    cache.remove_pod(pod)
    cache.forget("uid-other")
    assert used(cache, "a") == (0, 0)


def test_a_pod_that_arrives_before_its_node_is_counted_when_the_node_does():
    cache = a_cache()
    cache.add_pod(a_pod(on="a", requests={"cpu": "1"}))
    cache.add_node(a_node("a"))
    assert used(cache, "a") == (1000, 1)


def test_a_node_that_comes_back_still_has_its_pods():
    cache = a_cache("a")
    cache.add_pod(a_pod("one", on="a", requests={"cpu": "1"}, ports=[{"hostPort": 80}]))
    cache.add_pod(a_pod("two", on="a", requests={"cpu": "1"}))
    cache.remove_node("a")
    assert cache.nodes.ports.rows_in_conflict(PORT) == set()
    cache.remove_pod(a_pod("two"))
    cache.add_node(a_node("b"))  # takes the row
    assert used(cache, "b") == (0, 0)
    cache.add_node(a_node("a"))
    assert used(cache, "a") == (1000, 1)
    assert cache.nodes.ports.rows_in_conflict(PORT) == {cache.nodes.row_of("a")}
    cache.remove_node("never-there")


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_takes_nothing(phase):
    cache = a_cache("a")
    pod = a_pod(on="a", requests={"cpu": "1"})
    finished = a_pod(on="a", requests={"cpu": "1"}, status={"phase": phase})
    cache.add_pod(finished)
    assert used(cache, "a") == (0, 0)
    cache.add_pod(pod)
    cache.update_pod(finished)
    assert used(cache, "a") == (0, 0)


def test_an_assumed_pod_counts_at_once_and_only_once_when_confirmed():
    cache = a_cache("a")
    pod = info(cache, a_pod(requests={"cpu": "1"}))
    cache.assume(pod, "a")
    assert used(cache, "a") == (1000, 1)
    assert cache.is_assumed(pod.uid)
    assert cache.assumed_pods() == {pod.uid: pod.pod}
    changes = cache.nodes.counters.sequence
    cache.add_pod(a_pod(on="a", requests={"cpu": "1"}))
    assert used(cache, "a") == (1000, 1)
    assert not cache.is_assumed(pod.uid)
    assert cache.nodes.counters.sequence == changes, "a confirmation is no change"


def test_a_binding_that_failed_is_forgotten():
    cache = a_cache("a")
    pod = info(cache, a_pod(requests={"cpu": "1"}, ports=[{"hostPort": 80}]))
    cache.assume(pod, "a")
    cache.forget(pod.uid)
    assert used(cache, "a") == (0, 0)
    assert not cache.is_assumed(pod.uid)
    assert cache.nodes.ports.rows_in_conflict(PORT) == set()
    cache.assume(pod, "a")


def test_a_late_failure_does_not_undo_a_confirmed_binding():
    cache = a_cache("a")
    pod = info(cache, a_pod(requests={"cpu": "1"}))
    cache.assume(pod, "a")
    cache.add_pod(a_pod(on="a", requests={"cpu": "1"}))
    cache.forget(pod.uid)
    assert used(cache, "a") == (1000, 1)


def test_the_watch_is_believed_when_it_shows_another_node():
    cache = a_cache("a", "b")
    cache.assume(info(cache, a_pod(requests={"cpu": "1"})), "a")
    cache.add_pod(a_pod(on="b", requests={"cpu": "1"}))
    assert used(cache, "a") == (0, 0)
    assert used(cache, "b") == (1000, 1)


def test_a_pod_cannot_be_assumed_twice():
    cache = a_cache("a", "b")
    pod = info(cache, a_pod())
    cache.assume(pod, "a")
    with pytest.raises(ValueError, match="default/pod is on node a already"):
        cache.assume(pod, "b")


def test_a_pod_on_no_node_is_refused_by_name():
    with pytest.raises(ValueError, match="default/pod is on no node"):
        a_cache().add_pod(a_pod())


def test_a_resize_is_counted():
    cache = a_cache("a")
    cache.add_pod(a_pod(on="a", requests={"cpu": "1"}))
    cache.update_pod(a_pod(on="a", requests={"cpu": "3"}))
    assert used(cache, "a") == (3000, 1)


def test_an_assumed_pod_that_is_deleted_is_gone_for_good():
    cache = a_cache("a")
    cache.assume(info(cache, a_pod(requests={"cpu": "1"})), "a")
    cache.remove_pod(a_pod())
    assert used(cache, "a") == (0, 0)
    assert cache.assumed_pods() == {}
    assert list(cache) == []
