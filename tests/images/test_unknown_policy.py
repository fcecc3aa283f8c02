"""What becomes of a pod whose images cannot be read: who decides, and with what the pod goes on."""

from __future__ import annotations

import pytest

from scheduler.images.content import ContentKind, FailureCause, ImageContent, ImageFailure, offered_platforms
from scheduler.images.platform import Platform
from scheduler.images.pod_images import EXEMPT, PodImage, ResolvedImage
from scheduler.images.unknown_policy import (
    ANNOTATION,
    InvalidUnknownPolicy,
    UnknownAction,
    UnknownPolicy,
    parse_unknown_policy,
    policy_for,
    settle,
)

DEFAULT = UnknownPolicy(UnknownAction.WAIT)
KNOWN = ResolvedImage(PodImage("known:1", "container a"), ImageContent("sha256:" + "0" * 64, ContentKind.INDEX))
LOST = ResolvedImage(PodImage("lost:1", "container b"), ImageFailure(FailureCause.NOT_FOUND, "404"))
INVALID = ResolvedImage(PodImage("Lost", "container c"), ImageFailure(FailureCause.INVALID_REFERENCE, "upper case"))


@pytest.mark.parametrize("action", [UnknownAction.WAIT, UnknownAction.OPEN, UnknownAction.CLOSED])
def test_a_policy_is_read_by_its_word(action: UnknownAction) -> None:
    assert parse_unknown_policy(f" {action} ") == UnknownPolicy(action)


def test_what_is_assumed_is_read_as_platforms() -> None:
    policy = parse_unknown_policy("assume:linux/amd64,linux/arm64")
    assert policy == UnknownPolicy(UnknownAction.ASSUME, (Platform("linux", "amd64"), Platform("linux", "arm64")))


@pytest.mark.parametrize("text", ["", "opne", "open:linux/amd64", "assume", "assume:", "assume:a/b,", "assume:!"])
def test_what_is_no_policy_is_quoted(text: str) -> None:
    with pytest.raises(InvalidUnknownPolicy) as error:
        parse_unknown_policy(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("pod", "namespace", "expected"),
    [
        (None, None, UnknownAction.WAIT),
        (None, "closed", UnknownAction.CLOSED),
        ("open", "closed", UnknownAction.OPEN),
        ("wait", "closed", UnknownAction.WAIT),
    ],
)
def test_the_nearest_policy_decides(pod: str | None, namespace: str | None, expected: UnknownAction) -> None:
    policy, problem = policy_for(annotated(pod), annotated(namespace), DEFAULT)
    assert (policy.action, problem) == (expected, None)


@pytest.mark.parametrize(
    ("pod", "namespace", "expected", "owner"),
    [("opne", "closed", UnknownAction.CLOSED, "pod"), (None, "shut", UnknownAction.WAIT, "namespace")],
)
def test_an_annotation_that_is_no_policy_is_passed_over_and_told(
    pod: str | None, namespace: str, expected: UnknownAction, owner: str
) -> None:
    policy, problem = policy_for(annotated(pod), annotated(namespace), DEFAULT)
    assert policy.action is expected
    assert problem is not None
    assert f"of the {owner}" in problem


def test_waiting_is_for_unknown_images_only() -> None:
    assert settle((KNOWN, LOST), DEFAULT) is None
    assert settle((KNOWN, INVALID), DEFAULT) == (KNOWN, INVALID)


def test_open_lifts_the_demand_of_what_is_unknown_and_of_nothing_else() -> None:
    settled = settle((KNOWN, LOST, INVALID), parse_unknown_policy("open"))
    assert settled == (KNOWN, ResolvedImage(LOST.image, EXEMPT), INVALID)


def test_closed_leaves_the_failure_for_the_filter_to_tell() -> None:
    assert settle((KNOWN, LOST), parse_unknown_policy("closed")) == (KNOWN, LOST)


def test_an_assumed_image_offers_what_was_assumed_and_is_one_object_for_all_pods() -> None:
    policy = parse_unknown_policy("assume:linux/s390x")
    first, second = settle((LOST,), policy), settle((LOST,), policy)
    assert first is not None
    assert second is not None
    answer = first[0].answer
    assert isinstance(answer, ImageContent)
    assert offered_platforms(answer) == (Platform("linux", "s390x"),)
    assert second[0].answer is answer


def annotated(text: str | None) -> dict[str, str]:
    return {} if text is None else {ANNOTATION: text}
