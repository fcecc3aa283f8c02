"""The nearest policy decides about unknown images; waiting ends at the deadline."""

from __future__ import annotations

import pytest

from extender.verbs.unknown_images import UnknownImages
from scheduler.images.pod_images import EXEMPT, ResolvedImage, pod_images
from scheduler.images.unknown_policy import ANNOTATION, UnknownAction, parse_unknown_policy
from tests.extender.builders import UNREACHABLE, a_pod, an_index

NAMESPACES = {"open": {ANNOTATION: "open"}}


def images_of(answer: object = UNREACHABLE) -> tuple[ResolvedImage, ...]:
    return tuple(ResolvedImage(image, answer) for image in pod_images(a_pod()))  # type: ignore[arg-type]


@pytest.fixture
def unknown_images() -> UnknownImages:
    return UnknownImages(
        parse_unknown_policy("wait"), 600.0, parse_unknown_policy("open"), lambda name: NAMESPACES.get(name, {})
    )


def test_a_pod_that_waits_is_refused_and_woken_at_the_deadline(unknown_images: UnknownImages) -> None:
    settled = unknown_images.settle(a_pod(), images_of(), 100.0)
    assert settled.images == images_of()
    assert settled.wake_in == 500.0


def test_after_the_deadline_the_other_policy_holds(unknown_images: UnknownImages) -> None:
    settled = unknown_images.settle(a_pod(), images_of(), 600.0)
    assert settled.images[0].answer is EXEMPT
    assert settled.wake_in is None


@pytest.mark.parametrize(
    ("annotation", "namespace", "action"),
    [
        ("closed", "shop", UnknownAction.CLOSED),
        ("closed", "open", UnknownAction.CLOSED),
        (None, "open", UnknownAction.OPEN),
        ("assume:linux/arm64", "open", UnknownAction.ASSUME),
    ],
)
def test_the_nearest_policy_decides(
    unknown_images: UnknownImages, annotation: str | None, namespace: str, action: UnknownAction
) -> None:
    pod = a_pod(namespace=namespace, annotations={} if annotation is None else {ANNOTATION: annotation})
    settled = unknown_images.settle(pod, images_of(), 0.0)
    assert settled.policy.action is action
    assert settled.problem is None
    assert settled.wake_in is None


def test_a_policy_that_is_none_is_passed_over_and_told(unknown_images: UnknownImages) -> None:
    settled = unknown_images.settle(a_pod(annotations={ANNOTATION: "perhaps"}), images_of(), 0.0)
    assert settled.policy.action is UnknownAction.WAIT
    assert settled.problem is not None
    assert "perhaps" in settled.problem


def test_what_is_known_stays_as_it_is(unknown_images: UnknownImages) -> None:
    known = images_of(an_index("linux/arm64"))
    assert unknown_images.settle(a_pod(namespace="open"), known, 0.0).images == known
