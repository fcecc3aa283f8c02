"""Preferred platforms get up to 10, by name and by whole node alike."""

from __future__ import annotations

import pytest

from extender.verbs.prioritize import prioritize_names, prioritize_nodes, score
from extender.wire.arguments import read_extender_args
from scheduler.images.node_platform import node_platform
from scheduler.images.platform_weights import PlatformWeights
from tests.extender.builders import a_mixed_cache, a_node, a_node_document, extender_args

WEIGHTS = PlatformWeights({"linux/arm64": 100, "linux/amd64": 34})


def test_names_and_nodes_are_scored_alike() -> None:
    by_name = dict(prioritize_names(["arm-0", "amd-0", "win-0", "nobody"], WEIGHTS, a_mixed_cache().nodes))
    assert by_name == {"arm-0": 10, "amd-0": 3, "win-0": 0, "nobody": 0}
    documents = [a_node_document("arm-0", "arm64"), a_node_document("amd-0"), a_node_document("win-0", os="windows")]
    nodes = read_extender_args(extender_args(nodes=documents)).nodes
    assert dict(prioritize_nodes(nodes, WEIGHTS)) == {"arm-0": 10, "amd-0": 3, "win-0": 0}


@pytest.mark.parametrize(("weight", "expected"), [(0, 0), (4, 0), (5, 1), (50, 5), (94, 9), (95, 10), (100, 10)])
def test_a_hundred_points_become_ten(weight: int, expected: int) -> None:
    assert score(PlatformWeights({"linux/amd64": weight}), node_platform(a_node("a"))) == expected
