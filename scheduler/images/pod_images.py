"""Which images of a pod must run on its node.

Owns the list, the pull policy each has (as the API server would default it) and the operating system a pod insists on.
What each image offers comes from a resolver; ``ResolvedImage`` holds both together for ``matching``.

Counted: init containers (sidecars among them), containers, image volumes. Not counted: ephemeral containers, which are
added to running pods, and the pause image, which belongs to the node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from scheduler.api.pod import Pod
from scheduler.images.content import ImageAnswer, ImageContent
from scheduler.images.node_platform import OS_LABEL
from scheduler.images.platform import Platform
from scheduler.images.reference import DEFAULT_TAG, InvalidReference, parse_reference

PullPolicy = Literal["Always", "IfNotPresent", "Never"]

_STRENGTH: dict[str, int] = {"Never": 0, "IfNotPresent": 1, "Always": 2}
_OPERATING_SYSTEMS = frozenset({"linux", "windows"})


class PodImage(msgspec.Struct, frozen=True, gc=False):
    """One image that a pod needs. ``image`` is as written; ``source`` names its first use, for messages.

    ``volume``: it is mounted, not run, so an artifact will do.
    """

    image: str
    source: str
    volume: bool = False
    pull_policy: PullPolicy = "IfNotPresent"


class Exempt(msgspec.Struct, frozen=True, gc=False):
    """In place of an answer: the image puts no demand on the node's platform."""


EXEMPT = Exempt()


class Misfit(msgspec.Struct, frozen=True, gc=False):
    """In place of an answer: the pod's RuntimeClass runs images of ``platform`` only, and this is none, on any node."""

    content: ImageContent
    platform: Platform
    runtime_class: str


class ResolvedImage(msgspec.Struct, frozen=True, gc=False):
    """A pod's image with what is known of it."""

    image: PodImage
    answer: ImageAnswer | Exempt | Misfit


def pod_images(pod: Pod) -> tuple[PodImage, ...]:
    """The distinct images, in the order in which the kubelet needs them: volumes, init containers, containers.

    An image used twice is listed once, with the pull policy that asks the registry most.
    """
    images: dict[tuple[str, bool], PodImage] = {}
    for image in _uses(pod):
        known = images.get((image.image, image.volume))
        if known is None:
            images[image.image, image.volume] = image
        elif _STRENGTH[image.pull_policy] > _STRENGTH[known.pull_policy]:
            images[image.image, image.volume] = msgspec.structs.replace(known, pull_policy=image.pull_policy)
    return tuple(images.values())


def name_on_nodes(image: str) -> str:
    """The image as a kubelet lists it in ``status.images``: by its full name; empty for what is no image name."""
    try:
        reference = parse_reference(image)
    except InvalidReference:
        return ""
    return f"{reference.name}{':' if reference.digest is None else '@'}{reference.target}"


def required_os(pod: Pod) -> str | None:
    """The operating system without which the kubelet rejects the pod: ``spec.os.name``, or the pod's own os label.

    Unknown values of ``spec.os.name`` count as absent. A pod whose two claims contradict each other gets both names in
    one, which no node has: no kubelet would take it.
    """
    claims = dict.fromkeys(filter(None, [pod.metadata.labels.get(OS_LABEL)]))
    if pod.spec.os is not None and pod.spec.os.name in _OPERATING_SYSTEMS:
        claims[pod.spec.os.name] = None
    return " and ".join(claims) or None


def _uses(pod: Pod) -> Iterator[PodImage]:
    for volume in pod.spec.volumes:
        if volume.image is not None and volume.image.reference:  # may be empty: another controller fills it in
            image = volume.image
            yield _pod_image(image.reference, f"volume {volume.name}", image.pull_policy, volume=True)
    for kind, containers in (("init container", pod.spec.init_containers), ("container", pod.spec.containers)):
        for container in containers:
            yield _pod_image(container.image, f"{kind} {container.name}", container.image_pull_policy)


def _pod_image(image: str, source: str, policy: str, *, volume: bool = False) -> PodImage:
    return PodImage(image, source, volume, _POLICIES.get(policy) or _default_policy(image))


_POLICIES: dict[str, PullPolicy] = {"Always": "Always", "IfNotPresent": "IfNotPresent", "Never": "Never"}


def _default_policy(image: str) -> PullPolicy:
    """The API server's default (``pkg/apis/core/v1/defaults.go``): Always for ``latest``, a digest beside it or not."""
    try:
        return "Always" if parse_reference(image).tag == DEFAULT_TAG else "IfNotPresent"
    except InvalidReference:
        return "IfNotPresent"
