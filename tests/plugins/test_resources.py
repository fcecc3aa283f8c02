"""Scores by resources beyond the default pair, and at the edges; the default pair is held against its twin."""

import numpy as np
import pytest

from scheduler.cluster.cache import Cache
from scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from scheduler.plugins.node_resources_fit import NodeResourcesFit
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


def test_least_allocated_weighs_the_resources():
    node = a_node(cpu="10", memory="10Gi")
    pod = a_pod(requests={"cpu": "5", "memory": "1Gi"})
    assert scores(NodeResourcesFit(), pod, node) == [70]
    assert scores(NodeResourcesFit((("cpu", 3), ("memory", 1))), pod, node) == [60]


def test_a_special_resource_counts_only_for_pods_that_ask_for_it():
    plugin = NodeResourcesFit((("cpu", 1), (GPU, 1)))
    nodes = [a_node("a", cpu="10", allocatable={GPU: "4"}), a_node("b", cpu="10")]
    assert scores(plugin, a_pod(requests={"cpu": "5"}), *nodes) == [50, 50]
    assert scores(plugin, a_pod(requests={"cpu": "5", GPU: "1"}), *nodes) == [62, 50]


def test_a_node_without_any_of_the_resources_scores_nothing():
    empty = a_node(cpu="0", memory="0")
    assert scores(NodeResourcesFit(), a_pod(), empty) == [0]
    assert scores(NodeResourcesFit(((GPU, 1),)), a_pod(requests={GPU: "1"}), empty) == [0]


def test_an_overcommitted_resource_scores_nothing_for_its_part():
    pods = [a_pod("other", on="node", requests={"cpu": "9", "memory": "0"})]
    pod = a_pod(requests={"cpu": "2", "memory": "0"})
    assert scores(NodeResourcesFit(), pod, a_node(cpu="10"), placed=pods) == [50]


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
