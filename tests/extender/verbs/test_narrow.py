"""Of many possible nodes the best few are kept: by preference, then room, spread over equals by pod."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from extender.verbs.elsewhere import Elsewhere
from extender.verbs.filter import FilterAnswer
from extender.verbs.narrow import LEAST_SAMPLE, Narrowing
from extender.verbs.promises import Promises
from extender.wire.arguments import read_extender_args
from scheduler.api.node import Node
from scheduler.cluster.cache import Cache
from scheduler.plugins.image_platform import ImagePlatform
from tests.extender.builders import a_cache, a_node, a_node_document, a_pod, an_index, extender_args, pod_info

BOTH = an_index("linux/arm64", "linux/amd64")


def narrowing_of(cache: Cache, most: int, weights: dict[str, int] | None = None) -> Narrowing:
    promises = Promises(cache, 60.0)
    return Narrowing(cache, ImagePlatform(weights), most, promises, Elsewhere(cache, promises, weights))


def kept(cache: Cache, names: list[str], *, most: int = 3, pod: str = "web-0", content: Any = BOTH) -> list[str]:
    narrowing = narrowing_of(cache, most, {"linux/arm64": 100})
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
    narrowing = narrowing_of(cache, 3)
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
    narrowing = narrowing_of(cache, 2)
    answer = narrowing(read_extender_args(extender_args(nodes=documents)), pod_info(cache, BOTH), 0.0)
    items = json.loads(answer.body)["Nodes"]["items"]
    assert len(items) == (6 if stranger else 2)
    assert all(item in documents for item in items)


SAMPLE = [f"amd-{i:03d}" for i in range(LEAST_SAMPLE)]


class Sampled:
    """Asked about a sample, all of amd64, of a cluster with other nodes besides."""

    def __init__(self, *others: Node) -> None:
        self.cache = a_cache(*map(a_node, SAMPLE), *others)
        self.narrowing = narrowing_of(self.cache, 4)

    def ask(self, pod: str = "web-0", *, count: int = LEAST_SAMPLE, now: float = 0.0, **given: Any) -> FilterAnswer:
        """``given``: ``cpu`` of the pod, ``nominated_to``, ``names``."""
        info = pod_info(self.cache, an_index("linux/arm64"), pod, cpu=given.get("cpu", "100m"))
        info.pod.status.nominated_node_name = given.get("nominated_to", "")
        names = given.get("names", SAMPLE[:count])
        return self.narrowing(read_extender_args(extender_args(names=names)), info, now)


def test_a_pod_that_no_node_of_the_sample_can_run_is_nominated_where_it_can_and_counts_there() -> None:
    sampled = Sampled(a_node("arm-0", "arm64"), a_node("arm-1", "arm64"))
    given = [sampled.ask(f"web-{number}", cpu="5") for number in range(3)]
    assert {given[0].nominated, given[1].nominated} == {"arm-0", "arm-1"}
    assert given[2].nominated is None, "there is no room left"
    body = json.loads(given[0].body)
    assert (body["NodeNames"], len(body["FailedAndUnresolvableNodes"])) == ([], LEAST_SAMPLE)


def test_the_reasons_of_the_sample_stay_so_that_nobody_is_preempted_there() -> None:
    body = json.loads(Sampled(a_node("arm-0", "arm64")).ask().body)
    assert body["FailedNodes"] in (None, {})
    (reason,) = set(body["FailedAndUnresolvableNodes"].values())
    assert "linux/arm64" in reason


def test_of_fewer_names_than_a_sample_has_there_are_no_others() -> None:
    """kube-scheduler has looked at all nodes, and refused the others for reasons of its own."""
    assert Sampled(a_node("arm-0", "arm64")).ask(count=LEAST_SAMPLE - 1).nominated is None


def test_the_nominated_node_is_answered_when_it_is_asked_about_alone() -> None:
    sampled = Sampled(a_node("arm-0", "arm64"))
    sampled.ask()
    answer = sampled.ask(names=["arm-0"], nominated_to="arm-0")
    assert (json.loads(answer.body)["NodeNames"], answer.nominated) == (["arm-0"], None)
    assert sampled.cache.node_of("uid-web-0") is None, "the promise has served its end"


def test_a_node_that_kube_scheduler_did_not_take_is_not_nominated_again() -> None:
    sampled = Sampled(a_node("arm-0", "arm64"), a_node("arm-1", "arm64"))
    first = sampled.ask().nominated
    second = sampled.ask(nominated_to=first).nominated
    assert {first, second} == {"arm-0", "arm-1"}
    alone = Sampled(a_node("arm-0", "arm64"))
    assert alone.ask(nominated_to="arm-0").nominated is None


def test_a_node_that_cannot_take_the_pod_for_another_reason_is_not_nominated() -> None:
    tainted = a_node_document("arm-0", "arm64")
    tainted["spec"] = {"taints": [{"key": "for", "value": "others", "effect": "NoSchedule"}]}
    assert Sampled(msgspec.convert(tainted, Node)).ask().nominated is None
    assert Sampled(a_node("arm-0", "arm64", cpu="1")).ask(cpu="2").nominated is None
