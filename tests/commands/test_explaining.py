"""Why a pod is where it is, or nowhere: what is told, on pictures of small clusters."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from scheduler.api.pod import Pod
from scheduler.commands.explaining.document import PodExplanation
from scheduler.commands.explaining.explain import explain_pod
from scheduler.commands.explaining.groups import group_of
from scheduler.commands.snapshot import make_cache
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure, declared_content
from scheduler.images.platform import parse_platform
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.plugins.catalogue import default_selection

BOTH = declared_content((parse_platform("linux/amd64"), parse_platform("linux/arm64")))
AMD64 = declared_content((parse_platform("linux/amd64"),))


def node(name: str, arch: str = "amd64", cpu: str = "4", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/os": "linux", "kubernetes.io/arch": arch, "agentpool": f"pool-{arch}"},
        },
        "spec": spec,
        "status": {
            "allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"},
            "nodeInfo": {"containerRuntimeVersion": "containerd://2.3.5"},
        },
    }


def pod(name: str = "web", cpu: str = "1", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {
            "schedulerName": "s",
            "containers": [{"name": "main", "image": "shop/web:1", "resources": {"requests": {"cpu": cpu}}}],
            **spec,
        },
    }


def explained(document: dict[str, Any], answer: ImageAnswer, *objects: dict[str, Any]) -> PodExplanation:
    raw = [msgspec.Raw(msgspec.json.encode(each)) for each in (*objects, document)]
    asked = msgspec.convert(document, Pod)
    images = tuple(ResolvedImage(image, answer) for image in pod_images(asked))
    return explain_pod(asked, images, make_cache(raw, {"s"}), default_selection("s"))


def test_a_pod_that_has_a_node_is_told_the_scores_by_plugin_and_which_node_is_its_own() -> None:
    told = explained(pod(nodeName="a"), BOTH, node("a"), node("b", "arm64"), node("c", unschedulable=True))
    assert told.node == "a"
    assert told.verdict == "2 of 3 nodes can take it"
    assert {row.node: row.chosen for row in told.scores} == {"a": True, "b": False}
    assert all(row.total == sum(row.parts.values()) > 0 for row in told.scores)
    assert [(group.group, group.platform, group.feasible, group.nodes) for group in told.groups] == [
        ("pool-amd64", "linux/amd64", 1, 2),
        ("pool-arm64", "linux/arm64", 1, 1),
    ]
    (reason,) = told.groups[0].reasons
    assert (reason.plugin, reason.nodes, reason.lasting) == ("NodeUnschedulable", 1, True)


def test_the_pod_itself_takes_no_room_from_itself() -> None:
    told = explained(pod(cpu="4", nodeName="a"), BOTH, node("a"))
    assert (told.verdict, told.notes) == ("1 of 1 nodes can take it", [])


def test_a_node_that_would_not_take_its_pod_again_is_noted() -> None:
    told = explained(pod(nodeName="a"), BOTH, node("a", unschedulable=True), node("b"))
    assert told.notes == ["a, where it runs, would not take it now: the cluster has changed since"]


def test_a_platform_that_the_image_lacks_is_what_would_help() -> None:
    told = explained(pod(), AMD64, node("a", cpu="500m"), node("b", "arm64"), node("c", "arm64"))
    assert [(row.plugin, row.text, row.nodes, row.examples) for row in told.helps] == [
        ("ImagePlatform", "if shop/web:1 ran on linux/arm64", 2, ["b", "c"]),
        ("NodeResourcesFit", "with enough free (Insufficient cpu)", 1, ["a"]),
    ]
    assert told.images[0].platforms == ["linux/amd64"]


def test_what_alone_would_not_do_is_no_help() -> None:
    told = explained(pod(), AMD64, node("a", "arm64", unschedulable=True))
    assert told.helps == []
    assert told.verdict == "0/1 nodes are available: 1 node(s) were unschedulable."


def test_an_image_that_cannot_be_read_is_told_as_that() -> None:
    failure = ImageFailure(FailureCause.NOT_FOUND, "registry r answered 404")
    told = explained(pod(), failure, node("a"), node("b", "arm64"))
    assert told.images[0].problem == "registry r answered 404"
    (help_,) = told.helps
    assert (help_.text, help_.nodes) == ("if shop/web:1 could be read, and ran there", 2)


def test_room_that_preemption_could_make_is_told_with_its_victims() -> None:
    low = pod("low", cpu="3", nodeName="a", priority=0)
    told = explained(pod(cpu="2", priority=10), BOTH, node("a"), low)
    assert told.preemption == "evicting shop/low from a would make room"


def test_a_pod_that_is_held_back_is_told_its_gates() -> None:
    told = explained(pod(schedulingGates=[{"name": "quota"}], cpu="9"), BOTH, node("a"))
    assert told.notes == ["it is not tried while it has scheduling gates: quota"]


def test_a_cluster_without_nodes_has_nothing_to_tell_but_that() -> None:
    told = explained(pod(), BOTH)
    assert (told.verdict, told.groups) == ("no nodes available to schedule pods", [])


@pytest.mark.parametrize(
    ("labels", "label", "expected"),
    [
        ({"cloud.google.com/gke-nodepool": "default-pool"}, None, "default-pool"),
        ({"karpenter.sh/nodepool": "arm", "agentpool": "x"}, None, "arm"),
        ({}, None, "linux/arm64"),
        ({"team": "a"}, "team", "a"),
        ({}, "team", "without team"),
    ],
)
def test_nodes_are_grouped_as_their_cloud_does_or_as_one_is_told(
    labels: dict[str, str], label: str | None, expected: str
) -> None:
    assert group_of(labels, "linux/arm64", label) == expected
