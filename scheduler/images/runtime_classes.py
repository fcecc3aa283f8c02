"""RuntimeClasses under which a pod's images are not run by the node's own runtime and kernel.

Owns the operator's map from RuntimeClass name to ``skip`` (its images put no demand on nodes: a handler that emulates,
or that only some labelled nodes have) or to a platform (``wasi/wasm``: its images must be built for that one, whatever
the node is). A name that is not in the map means the node's own runtime. A Kata guest has the node's architecture and
needs no entry; ``runhcs`` with Hyper-V isolation may be skipped, its older Windows builds run there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from scheduler.images.content import ImageContent
from scheduler.images.matching import match
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import InvalidPlatform, Platform, parse_platform
from scheduler.images.pod_images import EXEMPT, Misfit, ResolvedImage
from scheduler.images.runtime import Runtime
from scheduler.images.verdict import Outcome

SKIP = "skip"


class InvalidRuntimeClass(ValueError):
    """The map holds something that is neither ``skip`` nor a platform."""


class RuntimeClasses:
    """The map. Raises InvalidRuntimeClass."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._skipped = frozenset(name for name, rule in rules.items() if rule == SKIP)
        self._platforms = {name: _platform(name, rule) for name, rule in rules.items() if rule != SKIP}

    def skips(self, runtime_class: str) -> bool:
        """Whether the images of such a pod need not be known at all."""
        return runtime_class in self._skipped

    def judge(self, images: tuple[ResolvedImage, ...], runtime_class: str) -> tuple[ResolvedImage, ...]:
        """The images as nodes are to be held against: what the class runs or refuses, whatever the node, is settled."""
        platform = self._platforms.get(runtime_class)
        if self.skips(runtime_class):
            return tuple(msgspec.structs.replace(image, answer=EXEMPT) for image in images)
        if platform is None:
            return images
        return tuple(_judged(image, platform, runtime_class) for image in images)


def _platform(name: str, rule: str) -> Platform:
    try:
        return parse_platform(rule)
    except InvalidPlatform as error:
        raise InvalidRuntimeClass(f"{name}: {rule!r} is neither {SKIP!r} nor a platform: {error}") from error


def _judged(image: ResolvedImage, platform: Platform, runtime_class: str) -> ResolvedImage:
    if not isinstance(image.answer, ImageContent):
        return image
    node = NodePlatform(platform.os, platform.architecture, platform.variant, platform.os_version, Runtime.CONTAINERD)
    if match(image.answer, node, volume=image.image.volume).outcome is Outcome.MATCH:
        return msgspec.structs.replace(image, answer=EXEMPT)
    return msgspec.structs.replace(image, answer=_misfit(image.answer, platform, runtime_class))


@lru_cache(maxsize=1024)
def _misfit(content: ImageContent, platform: Platform, runtime_class: str) -> Misfit:
    """One object for all pods: they are told apart by the identity of their answers."""
    return Misfit(content, platform, runtime_class)
