"""Nodes that cannot run the pod's images go, with one reason per platform; all others stay."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.verbs.filter import Filter, FilterAnswer
from extender.verbs.judging import STRANGE_NODE, Judge
from extender.wire.arguments import read_extender_args
from scheduler.cluster.cache import Cache
from scheduler.images.content import ImageAnswer
from scheduler.images.matching import MatchRules, match_pod
from scheduler.images.node_platform import node_platform
from scheduler.images.pod_images import Exempt
from scheduler.images.unknown_policy import UnknownAction, UnknownPolicy, settle
from scheduler.images.verdict import Outcome
from scheduler.plugins.image_platform import ImagePlatform
from tests.extender.builders import (
    IMAGE,
    UNREACHABLE,
    a_cache,
    a_mixed_cache,
    a_node,
    a_node_document,
    an_index,
    extender_args,
    pod_info,
)

ARM_ONLY = f"node(s) can't run image {IMAGE} (built for linux/arm64)"
NAMES = ["arm-0", "amd-0", "win-0", "arm-1", "amd-1"]


def answer_to(cache: Cache, content: ImageAnswer | Exempt, **sent: Any) -> tuple[FilterAnswer, dict[str, Any]]:
    answer = Filter(Judge(cache, ImagePlatform()))(
        read_extender_args(extender_args(**sent)), pod_info(cache, content), 0.0
    )
    return answer, json.loads(answer.body)


def test_names_that_cannot_run_the_pod_are_refused_for_good() -> None:
    answer, body = answer_to(a_mixed_cache(), an_index("linux/arm64"), names=NAMES)
    assert body["NodeNames"] == ["arm-0", "arm-1"]
    assert body["FailedAndUnresolvableNodes"] == {"amd-0": ARM_ONLY, "amd-1": ARM_ONLY, "win-0": ARM_ONLY}
    assert not body["FailedNodes"]
    assert body["Nodes"] is None
    assert body["Error"] == ""
    assert (answer.nodes_in, answer.nodes_out) == (5, 2)


def test_all_names_stay_in_their_order_when_all_can_run_the_pod() -> None:
    names = ["amd-1", "arm-0", "amd-0"]
    _, body = answer_to(a_mixed_cache(), an_index("linux/arm64", "linux/amd64"), names=names)
    assert body["NodeNames"] == names
    assert not body["FailedAndUnresolvableNodes"]


def test_a_name_that_no_watch_has_shown_is_refused_whatever_it_contains() -> None:
    names = ["arm-0", "new-0", 'made "up"']
    _, body = answer_to(a_mixed_cache(), an_index("linux/arm64"), names=names)
    assert body["NodeNames"] == ["arm-0"]
    assert body["FailedAndUnresolvableNodes"] == {"new-0": STRANGE_NODE, 'made "up"': STRANGE_NODE}


@pytest.mark.parametrize("sent", [{"names": []}, {"nodes": []}, {}])
def test_no_node_in_is_no_node_out(sent: dict[str, Any]) -> None:
    answer, body = answer_to(a_mixed_cache(), an_index("linux/arm64"), **sent)
    assert (answer.nodes_in, answer.nodes_out) == (0, 0)
    assert not body["NodeNames"]
    assert body["Error"] == ""


def test_whole_nodes_go_back_as_they_came_also_those_that_nobody_knows() -> None:
    documents = [a_node_document("template-arm", "arm64"), a_node_document("template-amd"), a_node_document("amd-0")]
    answer, body = answer_to(a_mixed_cache(), an_index("linux/arm64"), nodes=documents)
    assert body["Nodes"]["items"] == documents[:1]
    assert body["NodeNames"] is None
    assert body["FailedAndUnresolvableNodes"] == {"template-amd": ARM_ONLY, "amd-0": ARM_ONLY}
    assert (answer.nodes_in, answer.nodes_out) == (3, 1)


def test_a_whole_node_is_what_it_says_not_what_the_watch_said() -> None:
    _, body = answer_to(a_mixed_cache(), an_index("linux/arm64"), nodes=[a_node_document("amd-0", "arm64")])
    assert len(body["Nodes"]["items"]) == 1


@pytest.mark.parametrize("sent", [{"names": ["arm-0"]}, {"nodes": [a_node_document("new-0", "arm64")]}])
@pytest.mark.parametrize(("rules", "kept"), [(MatchRules(), 0), (MatchRules(fallback=True, arm32=True), 1)])
def test_the_rules_of_the_plugin_hold_for_names_and_for_whole_nodes(
    sent: dict[str, Any], rules: MatchRules, kept: int
) -> None:
    cache = a_mixed_cache()
    answer = Filter(Judge(cache, ImagePlatform(rules=rules)))(
        read_extender_args(extender_args(**sent)), pod_info(cache, an_index("linux/arm/v7")), 0.0
    )
    assert answer.nodes_out == kept


def test_what_is_not_known_of_an_image_refuses_every_node_and_says_why() -> None:
    _, body = answer_to(a_mixed_cache(), UNREACHABLE, names=NAMES)
    assert body["NodeNames"] == []
    (reason,) = set(body["FailedAndUnresolvableNodes"].values())
    assert reason == f"node(s) might not run image {IMAGE} ({UNREACHABLE.message})"


def test_under_an_open_policy_every_node_stays() -> None:
    cache = a_mixed_cache()
    info = pod_info(cache, UNREACHABLE)
    settled = settle(info.pod_class.images or (), UnknownPolicy(UnknownAction.OPEN))
    assert settled is not None
    _, body = answer_to(cache, settled[0].answer, names=NAMES)
    assert body["NodeNames"] == NAMES


def test_a_node_that_holds_the_image_already_can_run_it() -> None:
    node = a_node("old-0")
    node.status.images[0].names = [IMAGE]
    _, body = answer_to(a_cache(node, a_node("amd-0")), an_index("linux/arm64"), names=["old-0", "amd-0"])
    assert body["NodeNames"] == ["old-0"]


def test_a_node_that_becomes_another_is_judged_anew() -> None:
    cache = a_mixed_cache()
    judge = Judge(cache, ImagePlatform())
    args = read_extender_args(extender_args(names=["amd-0"]))
    info = pod_info(cache, an_index("linux/arm64"))
    assert Filter(judge)(args, info, 0.0).nodes_out == 0
    cache.add_node(a_node("amd-0", "arm64"))
    assert Filter(judge)(args, info, 0.0).nodes_out == 1
    cache.remove_node("amd-0")
    assert Filter(judge)(args, info, 0.0).nodes_out == 0


_PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "windows(10.0.20348.1)/amd64", "linux/s390x")


@given(
    st.lists(st.sampled_from(_PLATFORMS), max_size=4, unique=True),
    st.lists(
        st.tuples(st.sampled_from(["amd64", "arm64", "s390x"]), st.sampled_from(["linux", "windows"])), max_size=9
    ),
    st.randoms(use_true_random=False),
)
def test_names_and_whole_nodes_are_judged_as_one_node_at_a_time_is(
    platforms: list[str], kinds: list[tuple[str, str]], draw: random.Random
) -> None:
    nodes = [a_node(f"node-{number}", *kind) for number, kind in enumerate(kinds)]
    cache = a_cache(*nodes)
    content = an_index(*platforms)
    info = pod_info(cache, content)
    images = info.pod_class.images or ()
    alone = [n.name for n in nodes if match_pod(images, None, node_platform(n)).outcome is Outcome.MATCH]
    names = [node.name for node in nodes]
    draw.shuffle(names)
    _, by_name = answer_to(cache, content, names=names)
    _, by_node = answer_to(
        Cache(), content, nodes=[a_node_document(f"node-{i}", *kind) for i, kind in enumerate(kinds)]
    )
    assert by_name["NodeNames"] == [name for name in names if name in alone]
    assert set(by_name["FailedAndUnresolvableNodes"] or ()) == set(names) - set(alone)
    assert [node["metadata"]["name"] for node in by_node["Nodes"]["items"]] == alone
    assert by_node["FailedAndUnresolvableNodes"] == (by_name["FailedAndUnresolvableNodes"] or {})
