"""What becomes of a pod when the platforms of one of its images cannot be learnt.

Owns the choice and its words: ``wait`` (ask again, up to a deadline), ``open`` (place it as if the image ran anywhere:
the kubelet's pull will tell), ``closed`` (leave it pending), ``assume:linux/amd64,linux/arm64`` (place it as if the
image were built for those). Set per scheduler, profile, namespace and pod, the nearest one deciding. How long to wait
between two questions is in ``policy``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure, declared_content
from scheduler.images.platform import InvalidPlatform, Platform, parse_platform
from scheduler.images.pod_images import EXEMPT, Exempt, Misfit, ResolvedImage

ANNOTATION = "multiarch-scheduler.io/unknown-images"
"""On a pod or a namespace: its policy."""


class UnknownAction(enum.StrEnum):
    WAIT = "wait"
    OPEN = "open"
    CLOSED = "closed"
    ASSUME = "assume"


class InvalidUnknownPolicy(ValueError):
    """The text names no policy."""

    def __init__(self, text: str, why: str = "it is not one of wait, open, closed, assume:<platforms>") -> None:
        super().__init__(f"{text!r} is no policy for unknown images: {why}")


class UnknownPolicy(msgspec.Struct, frozen=True, gc=False):
    """``platforms``: of ASSUME, what the image is taken to be built for."""

    action: UnknownAction
    platforms: tuple[Platform, ...] = ()


@lru_cache(maxsize=256)
def parse_unknown_policy(text: str) -> UnknownPolicy:
    """Reads a policy as people write it. Raises InvalidUnknownPolicy."""
    word, _, platforms = text.strip().partition(":")
    if word == UnknownAction.ASSUME:
        try:
            return UnknownPolicy(UnknownAction.ASSUME, tuple(parse_platform(name) for name in platforms.split(",")))
        except InvalidPlatform as error:
            raise InvalidUnknownPolicy(text, str(error)) from error
    if platforms or word not in set(UnknownAction):
        raise InvalidUnknownPolicy(text)
    return UnknownPolicy(UnknownAction(word))


def policy_for(
    pod_annotations: Mapping[str, str], namespace_annotations: Mapping[str, str], default: UnknownPolicy
) -> tuple[UnknownPolicy, str | None]:
    """The pod's own policy, else its namespace's, else the default; and what is wrong with one that is passed over."""
    problem: str | None = None
    for owner, own in (("pod", pod_annotations), ("namespace", namespace_annotations)):
        text = own.get(ANNOTATION)
        if text is None:
            continue
        try:
            return parse_unknown_policy(text), problem
        except InvalidUnknownPolicy as error:
            problem = problem or f"annotation {ANNOTATION} of the {owner}: {error}"
    return default, problem


def is_unknown(answer: ImageAnswer | Exempt | Misfit) -> bool:
    """Whether the policy is asked. A name that no kubelet would pull is known well enough: it runs nowhere."""
    return isinstance(answer, ImageFailure) and answer.cause is not FailureCause.INVALID_REFERENCE


def settle(images: tuple[ResolvedImage, ...], policy: UnknownPolicy) -> tuple[ResolvedImage, ...] | None:
    """The images as the pod is to be decided with; None if it is to wait.

    CLOSED leaves the failures in place: the filter then refuses every node and says why.
    """
    if policy.action is UnknownAction.WAIT and any(is_unknown(image.answer) for image in images):
        return None
    return tuple(_settled(image, policy) for image in images)


def _settled(image: ResolvedImage, policy: UnknownPolicy) -> ResolvedImage:
    if not is_unknown(image.answer) or policy.action is UnknownAction.CLOSED:
        return image
    answer = EXEMPT if policy.action is UnknownAction.OPEN else declared_content(policy.platforms)
    return msgspec.structs.replace(image, answer=answer)
