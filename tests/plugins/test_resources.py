"""Scores by resources beyond the default pair, and at the edges; the default pair is held against its twin."""

import msgspec
import numpy as np
import pytest

from scheduler.cluster.cache import Cache
from scheduler.plugins.arguments import NodeResourcesFitArgs, ShapePoint
from scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from scheduler.plugins.resource_strategies import broken_line
from tests.builders import a_node, a_pod

GPU = "example.com/gpu"


def scores(plugin, pod, *nodes, placed=()):
    """Of every node, as arrays and row by row, which must agree."""
    cache = Cache()
    for node in nodes:
        cache.add_node(node)
    for other in placed:
        cache.add_pod(other)
    pod_class = cache.classes.of(pod, None)
    every = plugin.score(pod_class, cache.nodes, np.arange(len(nodes))).tolist()
    assert every == [plugin.score_row(pod_class, cache.nodes, row) for row in range(len(nodes))]
    return every


def fit_by(strategy="LeastAllocated", shape=(), **weights):
    """NodeResourcesFit by resources of these weights; ``shape``: (utilization, score) of each point."""
    document = {"type": strategy, "resources": [{"name": name, "weight": weight} for name, weight in weights.items()]}
    points = [{"utilization": utilization, "score": score} for utilization, score in shape]
    if points:
        document["requestedToCapacityRatio"] = {"shape": points}
    return NodeResourcesFit(msgspec.convert({"scoringStrategy": document}, NodeResourcesFitArgs))


def test_least_allocated_weighs_the_resources():
    node = a_node(cpu="10", memory="10Gi")
    pod = a_pod(requests={"cpu": "5", "memory": "1Gi"})
    assert scores(NodeResourcesFit(), pod, node) == [70]
    assert scores(fit_by(cpu=3, memory=1), pod, node) == [60]


def test_a_special_resource_counts_only_for_pods_that_ask_for_it():
    plugin = fit_by(**{"cpu": 1, GPU: 1})
    nodes = [a_node("a", cpu="10", allocatable={GPU: "4"}), a_node("b", cpu="10")]
    assert scores(plugin, a_pod(requests={"cpu": "5"}), *nodes) == [50, 50]
    assert scores(plugin, a_pod(requests={"cpu": "5", GPU: "1"}), *nodes) == [62, 50]


def test_a_node_without_any_of_the_resources_scores_nothing():
    empty = a_node(cpu="0", memory="0")
    assert scores(NodeResourcesFit(), a_pod(), empty) == [0]
    assert scores(fit_by(**{GPU: 1}), a_pod(requests={GPU: "1"}), empty) == [0]


def test_an_overcommitted_resource_scores_nothing_for_its_part():
    pods = [a_pod("other", on="node", requests={"cpu": "9", "memory": "0"})]
    pod = a_pod(requests={"cpu": "2", "memory": "0"})
    assert scores(NodeResourcesFit(), pod, a_node(cpu="10"), placed=pods) == [50]


def test_most_allocated_prefers_the_fuller_node():
    pods = [a_pod("other", on="full", requests={"cpu": "5", "memory": "0"})]
    nodes = [a_node("full", cpu="10"), a_node("empty", cpu="10")]
    pod = a_pod(requests={"cpu": "2", "memory": "0"})
    assert scores(fit_by("MostAllocated", cpu=1), pod, *nodes, placed=pods) == [70, 20]
    assert scores(fit_by("MostAllocated", cpu=3, memory=1), pod, *nodes, placed=pods) == [52, 15]


def test_most_allocated_counts_no_more_than_the_node_has():
    pods = [a_pod("other", on="node", requests={"cpu": "9", "memory": "0"})]
    assert scores(fit_by("MostAllocated", cpu=1), a_pod(requests={"cpu": "5"}), a_node(cpu="10"), placed=pods) == [100]


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        ("5", "5Gi", 50),
        ("3", "5Gi", 40),
        ("1", "0", 10),  # memory scores 0 and has no part in the mean
        ("3", "4Gi", 35),
        ("0", "0", 0),
        ("11", "10Gi", 100),  # more than there is counts as all of it
        ("250m", "10Gi", 51),  # (2 + 100) / 2
        ("330m", "4Gi", 22),  # (3 + 40) / 2 is rounded, not cut
    ],
)
def test_a_ratio_follows_its_shape_and_leaves_out_what_scores_nothing(cpu, memory, expected):
    plugin = fit_by("RequestedToCapacityRatio", shape=[(0, 0), (100, 10)], cpu=1, memory=1)
    pod = a_pod(requests={"cpu": cpu, "memory": memory})
    assert scores(plugin, pod, a_node(cpu="10", memory="10Gi")) == [expected]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([(0, 10), (100, 0)], {0: 100, 1: 99, 33: 67, 99: 1, 100: 0}),
        ([(0, 0), (100, 10)], {0: 0, 1: 1, 50: 50, 100: 100}),
        ([(20, 3), (50, 7), (90, 2)], {0: 30, 20: 30, 21: 31, 49: 68, 50: 70, 51: 69, 53: 67, 90: 20, 100: 20}),
        ([(40, 5)], {0: 50, 40: 50, 100: 50}),
    ],
)
def test_a_broken_line_is_cut_toward_zero_where_it_rises_and_where_it_falls(shape, expected):
    points = tuple(ShapePoint(utilization=utilization, score=score) for utilization, score in shape)
    assert {percent: broken_line(points, percent) for percent in expected} == expected


@pytest.mark.parametrize("ignored", [{"ignoredResources": [GPU]}, {"ignoredResourceGroups": ["example.com"]}])
def test_ignored_resources_may_be_short(ignored):
    cache = Cache()
    cache.add_node(a_node())
    pod_class = cache.classes.of(a_pod(requests={GPU: "1", "cpu": "1"}), None)
    rows = np.arange(1)
    assert not NodeResourcesFit().filter(pod_class, cache.nodes, rows).any()
    plugin = NodeResourcesFit(msgspec.convert(ignored, NodeResourcesFitArgs))
    assert plugin.filter(pod_class, cache.nodes, rows).all()
    assert plugin.filter_row(pod_class, cache.nodes, 0)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ({"cpu": "5", "memory": "5Gi"}, 75),  # as even as before
        ({"cpu": "10", "memory": "0"}, 50),  # as uneven as can be
        ({"cpu": "5"}, 62),  # 50 + (50 + 75 - 100) // 2
    ],
)
def test_balance_is_scored_by_the_change(requests, expected):
    plugin = NodeResourcesBalancedAllocation()
    assert scores(plugin, a_pod(requests=requests), a_node(cpu="10", memory="10Gi")) == [expected]


def test_balance_that_a_pod_restores_scores_best():
    placed = [a_pod("other", on="node", requests={"cpu": "10", "memory": "0"})]
    pod = a_pod(requests={"memory": "10Gi"})
    assert scores(NodeResourcesBalancedAllocation(), pod, a_node(cpu="10", memory="10Gi"), placed=placed) == [100]


def test_three_resources_are_balanced_by_their_standard_deviation():
    plugin = NodeResourcesBalancedAllocation(("cpu", "memory", GPU))
    nodes = [
        a_node("three", cpu="10", memory="10Gi", allocatable={GPU: "10"}),
        a_node("two", cpu="10", memory="10Gi"),
        a_node("one", cpu="10", memory="0"),
    ]
    pod = a_pod(requests={"cpu": "9", "memory": "3Gi", GPU: "0"})
    assert scores(plugin, pod, *nodes) == [60, 60, 75], "a special resource that is not asked for is left out"
    asking = a_pod(requests={"cpu": "9", "memory": "3Gi", GPU: "3"})
    # fractions .9 .3 .3: deviation 0.2828, so 71 after and 100 before
    assert scores(plugin, asking, *nodes) == [60, 60, 75]
