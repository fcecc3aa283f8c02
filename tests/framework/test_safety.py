"""What must hold whatever the cluster looks like: no node is promised twice, and nothing but the cluster decides."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.framework.profile import Profile
from scheduler.plugins.catalogue import default_profile
from tests.plugins import twin
from tests.plugins.clusters import IMAGE_LISTS, pods
from tests.plugins.test_twins import cached, clusters

PROFILE = default_profile("test", platform_weights={"linux/arm64": 70})
BATCHES = st.lists(st.integers(0, 99).flatmap(lambda number: pods(f"new-{number}")), min_size=1, max_size=6)


def decided(cluster, pod, images, profile: Profile = PROFILE) -> str | None:
    """The node that is chosen on a cluster seen for the first time; None where there is none."""
    cache = cached(cluster)
    decision = SchedulingCycle(cache, profile).decide(make_pod_info(pod, images, cache.classes))
    return decision.node if isinstance(decision, Placed) else None


@settings(max_examples=60, deadline=None)
@given(clusters(), BATCHES, IMAGE_LISTS)
def test_no_pod_goes_where_a_filter_rejects_it_and_no_node_gets_more_than_it_has(cluster, batch, images):
    """Each filter is asked one by one, node by node, with the pods that were placed before."""
    cache = cached(cluster)
    cycle = SchedulingCycle(cache, PROFILE)
    before = free(cache)
    for pod in {pod.metadata.uid: pod for pod in batch}.values():
        info = make_pod_info(pod, images, cache.classes)
        decision = cycle.decide(info)
        if isinstance(decision, Unschedulable):
            continue
        node = next(node for node in cluster.nodes if node.name == decision.node)
        assert twin.verdict(pod, images, node, cluster) is None
        cache.assume(info, decision.node)
        cluster = dataclasses.replace(cluster, pods=[*cluster.pods, twin_on(pod, decision.node)])
    for name, room in free(cache).items():
        # What others put there may be too much already; what we add never is.
        assert all(left >= 0 or left == was for left, was in zip(room, before[name], strict=True))


@settings(max_examples=60, deadline=None)
@given(clusters(), pods("pending"), IMAGE_LISTS, st.randoms(use_true_random=False))
def test_the_order_in_which_a_cluster_is_learnt_changes_no_decision(cluster, pod, images, shuffled):
    nodes, placed, workloads = list(cluster.nodes), list(cluster.pods), list(cluster.workloads)
    for each in (nodes, placed, workloads):
        shuffled.shuffle(each)
    other = dataclasses.replace(cluster, nodes=nodes, pods=placed, workloads=workloads)
    assert decided(cluster, pod, images) == decided(other, pod, images) == decided(cluster, pod, images)


@settings(max_examples=60, deadline=None)
@given(clusters(), pods("pending"), IMAGE_LISTS, st.permutations(range(len(PROFILE.filters))))
def test_the_order_of_filters_changes_reasons_and_no_decision(cluster, pod, images, order):
    reordered = dataclasses.replace(PROFILE, filters=tuple(PROFILE.filters[number] for number in order))
    assert decided(cluster, pod, images, reordered) == decided(cluster, pod, images)


@settings(max_examples=50, deadline=None)
@given(clusters(), pods("pending"), IMAGE_LISTS, st.sampled_from([plugin.name for plugin in PROFILE.filters]))
def test_a_filter_more_never_opens_a_node(cluster, pod, images, name):
    fewer = dataclasses.replace(PROFILE, filters=tuple(p for p in PROFILE.filters if p.name != name))
    assert feasible(cluster, pod, images, PROFILE) <= feasible(cluster, pod, images, fewer)


def feasible(cluster, pod, images, profile: Profile) -> set[str]:
    cache = cached(cluster)
    evaluation = SchedulingCycle(cache, profile).pod_evaluation(make_pod_info(pod, images, cache.classes))
    if evaluation.rejection is not None:
        return set()
    return {node.name for row, node in cache.nodes if evaluation.possible[row]}


def free(cache: Cache) -> dict[str, list[int]]:
    """Per node what is left of each resource."""
    resources = cache.nodes.resources
    return {
        node.name: [
            int(allocatable[row] - requested[row])
            for allocatable, requested in zip(resources.allocatable, resources.requested, strict=True)
        ]
        for row, node in cache.nodes
    }


def twin_on(pod, node: str):
    """The same pod, as it is seen once it is bound."""
    return replace(pod, spec=replace(pod.spec, node_name=node))
