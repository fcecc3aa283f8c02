"""Of many possible nodes the best few are kept: by preference, then room, spread over equals by pod."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extender.verbs.narrow import Narrowing
from extender.wire.arguments import read_extender_args
from scheduler.cluster.cache import Cache
from scheduler.plugins.image_platform import ImagePlatform
from tests.extender.builders import a_cache, a_node, a_node_document, a_pod, an_index, extender_args, pod_info

BOTH = an_index("linux/arm64", "linux/amd64")


def kept(cache: Cache, names: list[str], *, most: int = 3, pod: str = "web-0", content: Any = BOTH) -> list[str]:
    narrowing = Narrowing(cache, ImagePlatform({"linux/arm64": 100}), most)
    answer = narrowing(read_extender_args(extender_args(names=names)), pod_info(cache, content, pod), 0.0)
    body = json.loads(answer.body)
    assert (answer.nodes_in, answer.nodes_out) == (len(names), len(body["NodeNames"]))
    return list(body["NodeNames"])


def test_preferred_platforms_come_first() -> None:
    cache = a_cache(*(a_node(f"amd-{i}") for i in range(10)), a_node("arm-0", "arm64"), a_node("arm-1", "arm64"))
    names = [node.name for _, node in cache.nodes]
    assert {"arm-0", "arm-1"} < set(kept(cache, names))
    assert len(kept(cache, names)) == 3


def test_emptier_nodes_come_first() -> None:
    cache = a_cache(*(a_node(f"amd-{i}") for i in range(6)))
    for number in range(3):
        pod = a_pod(f"big-{number}", cpu="6")
        pod.spec.node_name = f"amd-{number}"
        cache.add_pod(pod)
    assert set(kept(cache, [f"amd-{i}" for i in range(6)])) == {"amd-3", "amd-4", "amd-5"}


def test_equal_nodes_are_shared_out_by_pod_and_the_same_pod_gets_the_same() -> None:
    cache = a_cache(*(a_node(f"amd-{i:02d}") for i in range(40)))
    names = [node.name for _, node in cache.nodes]
    choices = [frozenset(kept(cache, names, pod=f"web-{number}")) for number in range(200)]
    assert len(frozenset().union(*choices)) == 40
    assert choices[0] == frozenset(kept(cache, names[::-1], pod="web-0"))


def test_only_names_that_were_sent_are_kept() -> None:
    cache = a_cache(*(a_node(f"amd-{i}") for i in range(10)))
    assert set(kept(cache, ["amd-1", "amd-2", "amd-3", "amd-4"])) < {"amd-1", "amd-2", "amd-3", "amd-4"}


def test_where_few_can_run_the_pod_it_is_a_plain_filter() -> None:
    cache = a_cache(*(a_node(f"amd-{i}") for i in range(10)), a_node("arm-0", "arm64"))
    narrowing = Narrowing(cache, ImagePlatform(), 3)
    names = [node.name for _, node in cache.nodes]
    answer = narrowing(read_extender_args(extender_args(names=names)), pod_info(cache, an_index("linux/arm64")), 0.0)
    body = json.loads(answer.body)
    assert body["NodeNames"] == ["arm-0"]
    assert len(body["FailedAndUnresolvableNodes"]) == 10


@pytest.mark.parametrize("stranger", [False, True])
def test_whole_nodes_are_narrowed_unless_there_is_a_stranger_among_them(stranger: bool) -> None:
    cache = a_cache(*(a_node(f"amd-{i}") for i in range(5)))
    documents = [a_node_document(f"amd-{i}") for i in range(5)]
    if stranger:
        documents.append(a_node_document("new-0"))
    narrowing = Narrowing(cache, ImagePlatform(), 2)
    answer = narrowing(read_extender_args(extender_args(nodes=documents)), pod_info(cache, BOTH), 0.0)
    items = json.loads(answer.body)["Nodes"]["items"]
    assert len(items) == (6 if stranger else 2)
    assert all(item in documents for item in items)
