"""Delegated mode: one node, promised until it comes true or is given up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extender.verbs.delegate import ELSEWHERE, Delegate
from extender.verbs.promises import Promises
from extender.wire.arguments import MalformedBody, read_extender_args
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.plugins.catalogue import default_profile
from tests.extender.builders import (
    UNREACHABLE,
    a_cache,
    a_mixed_cache,
    a_node,
    a_pod,
    a_pod_document,
    an_index,
    extender_args,
    pod_info,
)

ARM = an_index("linux/arm64")
GIVE_UP = 60.0


class Delegation:
    """A delegate over a cache, asked about pods by name."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.promises = Promises(cache, GIVE_UP)
        self.delegate = Delegate(cache, default_profile("default-scheduler"), self.promises)
        self.nominated: str | None = None

    def ask(
        self,
        pod: str,
        content: Any = ARM,
        *,
        names: list[str] | None = None,
        cpu: str = "100m",
        now: float = 0.0,
        nominated_to: str = "",
    ) -> dict[str, Any]:
        names = [node.name for _, node in self.cache.nodes] if names is None else names
        args = read_extender_args(extender_args(names=names))
        info = pod_info(self.cache, content, pod, cpu=cpu)
        info.pod.status.nominated_node_name = nominated_to
        answer = self.delegate(args, info, now)
        self.nominated = answer.nominated
        body: dict[str, Any] = json.loads(answer.body)
        assert answer.nodes_out == len(body["NodeNames"])
        assert answer.nodes_in == len(names)
        return body


def test_exactly_one_node_is_answered_and_the_pod_counts_there() -> None:
    delegation = Delegation(a_mixed_cache())
    (node,) = delegation.ask("web-0")["NodeNames"]
    assert node in {"arm-0", "arm-1"}
    assert delegation.cache.node_of("uid-web-0") == node


def test_pods_are_not_promised_the_same_room() -> None:
    delegation = Delegation(a_mixed_cache())
    given = [delegation.ask(f"web-{number}", cpu="5")["NodeNames"] for number in range(3)]
    assert {name for names in given[:2] for name in names} == {"arm-0", "arm-1"}
    assert given[2] == []


def test_why_there_is_no_node_is_told_by_node_and_room_may_be_made() -> None:
    delegation = Delegation(a_mixed_cache())
    body = delegation.ask("web-0", cpu="7")
    body = delegation.ask("web-1", cpu="7")
    body = delegation.ask("web-2", cpu="7")
    assert body["FailedNodes"] == {"arm-0": "Insufficient cpu", "arm-1": "Insufficient cpu"}
    assert set(body["FailedAndUnresolvableNodes"]) == {"amd-0", "amd-1", "win-0"}


def test_a_pod_that_is_impossible_as_such_is_refused_everywhere() -> None:
    delegation = Delegation(a_mixed_cache())
    cache = delegation.cache
    pod = a_pod("web-0")
    pod.spec.node_selector = {"disk": "none"}
    body = delegation.ask("web-0", UNREACHABLE)
    assert body["NodeNames"] == []
    assert set(body["FailedAndUnresolvableNodes"]) == {node.name for _, node in cache.nodes}


def test_a_pod_that_is_asked_for_again_is_decided_anew() -> None:
    """Its binding failed: what was promised is free again."""
    delegation = Delegation(a_cache(a_node("arm-0", "arm64")))
    for _ in range(3):
        assert delegation.ask("web-0", cpu="5")["NodeNames"] == ["arm-0"]
    assert len(delegation.cache) == 1


def test_only_a_node_that_was_sent_is_answered() -> None:
    delegation = Delegation(a_mixed_cache())
    for number in range(8):
        assert delegation.ask(f"web-{number}", names=["amd-0", "arm-1"])["NodeNames"] == ["arm-1"]


def test_of_a_sample_only_nodes_that_the_whole_core_admits_are_answered() -> None:
    """Also what is not a matter of single nodes: here an anti-affinity between the pods."""
    cache = a_mixed_cache()
    delegate = Delegate(cache, default_profile("default-scheduler"), Promises(cache, GIVE_UP))
    apart = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    }
    given = []
    for number in range(2):
        document = a_pod_document(f"web-{number}", labels={"app": "web"})
        document["spec"]["affinity"] = apart
        args = read_extender_args(extender_args(pod=document, names=["arm-0", "amd-0"]))
        info = make_pod_info(
            args.pod, tuple(ResolvedImage(image, ARM) for image in pod_images(args.pod)), cache.classes
        )
        given.append(delegate(args, info, 0.0))
    assert [answer.nodes_out for answer in given] == [1, 0]
    assert json.loads(given[0].body)["NodeNames"] == ["arm-0"]
    assert given[1].nominated == "arm-1"


def test_a_pod_that_no_node_of_the_sample_will_do_for_is_nominated_and_counted_where_one_does() -> None:
    delegation = Delegation(a_mixed_cache())
    body, nominated = delegation.ask("web-0", names=["amd-0", "win-0"]), delegation.nominated
    assert body["NodeNames"] == []
    assert body["FailedNodes"] == dict.fromkeys(["amd-0", "win-0"], ELSEWHERE)
    assert nominated in {"arm-0", "arm-1"}
    assert delegation.cache.node_of("uid-web-0") == nominated


def test_a_nominated_pod_gets_its_node_when_that_is_asked_about_alone() -> None:
    delegation = Delegation(a_mixed_cache())
    delegation.ask("web-0", names=["nobody"], cpu="5")
    nominated = delegation.nominated
    assert nominated is not None
    for number in range(8):  # what is promised is not given to others meanwhile
        assert delegation.ask(f"other-{number}", names=[nominated], cpu="5")["NodeNames"] == []
    body = delegation.ask("web-0", names=[nominated], cpu="5", nominated_to=nominated)
    assert body["NodeNames"] == [nominated]


def test_a_nomination_that_does_not_hold_any_more_is_no_reason_for_another_one_in_the_same_attempt() -> None:
    """kube-scheduler asks about the nominated node first and then, in the same attempt, about a sample."""
    delegation = Delegation(a_mixed_cache())
    body = delegation.ask("web-0", names=["amd-0"], nominated_to="amd-0")
    assert (body["NodeNames"], delegation.nominated) == ([], None)
    assert delegation.cache.node_of("uid-web-0") is None


def test_whole_nodes_are_refused_with_the_setting_that_helps() -> None:
    cache = a_mixed_cache()
    delegate = Delegate(cache, default_profile("default-scheduler"), Promises(cache, GIVE_UP))
    with pytest.raises(MalformedBody, match="nodeCacheCapable"):
        delegate(read_extender_args(extender_args(nodes=[])), pod_info(cache, ARM), 0.0)
