"""An image that a node holds already can run there whatever the registry says, unless its policy is Always."""

from __future__ import annotations

import pytest

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.images.content import FailureCause, ImageAnswer, ImageContent, ImageFailure
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.images.unknown_policy import parse_unknown_policy, settle
from scheduler.plugins.catalogue import default_profile
from scheduler.plugins.image_platform import ImagePlatform
from scheduler.queue.events import ClusterEvent, EventKind
from tests.builders import a_node, a_pod

IMAGE = "registry.example/app:1"
UNREADABLE = ImageFailure(FailureCause.NETWORK, "registry.example cannot be reached")


def decide(pod: Pod, *nodes: Node, answer: ImageAnswer = UNREADABLE) -> Placed | Unschedulable:
    cache = Cache()
    for node in nodes:
        cache.add_node(node)
    images = tuple(ResolvedImage(image, answer) for image in pod_images(pod))
    return SchedulingCycle(cache, default_profile("x")).decide(make_pod_info(pod, images, cache.classes))


def built_for(platforms: str) -> ImageAnswer:
    image = ResolvedImage(pod_images(a_pod())[0], UNREADABLE)
    (settled,) = settle((image,), parse_unknown_policy(f"assume:{platforms}")) or ()
    assert isinstance(settled.answer, ImageContent)
    return settled.answer


def with_policy(policy: str, image: str = IMAGE) -> Pod:
    return a_pod(containers=[{"name": "main", "image": image, "imagePullPolicy": policy}])


@pytest.mark.parametrize("policy", ["IfNotPresent", "Never"])
def test_the_node_that_holds_an_unreadable_image_is_chosen(policy: str) -> None:
    holder = a_node("holder", images={IMAGE: 1})
    decision = decide(with_policy(policy), a_node("a"), holder, a_node("b"))
    assert isinstance(decision, Placed)
    assert (decision.node, decision.feasible) == ("holder", 1)


def test_with_the_policy_always_the_registry_decides() -> None:
    decision = decide(with_policy("Always"), a_node("holder", images={IMAGE: 1}))
    assert isinstance(decision, Unschedulable)
    assert "registry.example cannot be reached" in decision.fit_error.message


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("nginx:1", "docker.io/library/nginx:1"),
        (f"{IMAGE}@sha256:{'a' * 64}", f"registry.example/app@sha256:{'a' * 64}"),
    ],
)
def test_an_image_is_found_by_the_name_that_kubelets_list(written: str, listed: str) -> None:
    decision = decide(with_policy("IfNotPresent", written), a_node("holder", images={listed: 1}))
    assert isinstance(decision, Placed)


def test_a_node_that_holds_it_counts_beside_those_whose_platform_fits() -> None:
    nodes = (a_node("arm", architecture="arm64"), a_node("x86"), a_node("holder", images={IMAGE: 1}))
    decision = decide(with_policy("IfNotPresent"), *nodes, answer=built_for("linux/arm64"))
    assert isinstance(decision, Placed)
    assert decision.feasible == 2


def test_every_image_must_fit_or_be_held() -> None:
    other = "registry.example/sidecar:1"
    pod = a_pod(
        containers=[
            {"name": name, "image": image, "imagePullPolicy": "IfNotPresent"}
            for name, image in (("main", IMAGE), ("sidecar", other))
        ]
    )
    assert isinstance(decide(pod, a_node("one", images={IMAGE: 1})), Unschedulable)
    assert isinstance(decide(pod, a_node("both", images={IMAGE: 1, other: 1})), Placed)


def test_the_operating_system_is_demanded_of_holders_too() -> None:
    pod = with_policy("IfNotPresent")
    pod.spec.os = a_pod(spec={"os": {"name": "windows"}}).spec.os
    assert isinstance(decide(pod, a_node("holder", images={IMAGE: 1})), Unschedulable)


def test_a_node_that_gets_the_image_wakes_the_pod() -> None:
    hint = ImagePlatform().hints[EventKind.NODE_UPDATE_IMAGES]
    got = ClusterEvent(EventKind.NODE_UPDATE_IMAGES, a_node(), a_node(images={IMAGE: 1}))
    another = ClusterEvent(EventKind.NODE_UPDATE_IMAGES, a_node(), a_node(images={"other:1": 1}))
    assert (hint(with_policy("Never"), got), hint(with_policy("Never"), another)) == (True, False)
