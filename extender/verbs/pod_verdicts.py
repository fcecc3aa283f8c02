"""A pod's images against node platforms: the verdicts that all verbs share, each worked out once.

Owns the memory of verdicts: pods with the same images (and answers about them) share one ``PodVerdicts``, and a
platform is looked at once. What a verdict says is decided in ``scheduler.images.matching``; what an unknown image means
is the operator's policy, ``UnknownPolicy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from weakref import WeakValueDictionary

from scheduler.api.pod import Pod
from scheduler.images.content import ContentKind, FailureCause, ImageAnswer, ImageContent, ImageFailure, IndexEntry
from scheduler.images.matching import DEFAULT_RULES, MatchRules, match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.pod_images import ResolvedImage, required_os
from scheduler.images.verdict import Outcome, PodVerdict

STRANGE_NODE = "node(s) not known to the image platform extender yet"
"""The rule for names that our own watch has not shown: such a node is refused, and nobody is evicted from it."""


@dataclass(frozen=True, slots=True)
class UnknownPolicy:
    """What becomes of images whose platforms are not known: refused, let pass, or taken for ``assumed`` ones."""

    action: Literal["wait", "open", "assume"] = "wait"
    assumed: tuple[Platform, ...] = ()

    def answer(self, answer: ImageAnswer) -> ImageAnswer:
        """The answer about one image, as the policy has it."""
        if self.action != "assume" or not is_unknown(answer):
            return answer
        entries = tuple(IndexEntry("", "", platform) for platform in self.assumed)
        return ImageContent("", ContentKind.INDEX, entries=entries)


def is_unknown(answer: ImageAnswer) -> bool:
    """Whether the answer may become another one. A name that no kubelet would pull is known well: it runs nowhere."""
    return isinstance(answer, ImageFailure) and answer.cause is not FailureCause.INVALID_REFERENCE


class PodVerdicts:
    """Verdicts for pods that share their images. Compared by identity, see ``VerdictBook``."""

    __slots__ = ("__weakref__", "_by_platform", "_policy", "_rules", "images", "required_os", "unknown")

    def __init__(
        self, images: tuple[ResolvedImage, ...], required: str | None, policy: UnknownPolicy, rules: MatchRules
    ) -> None:
        self.images = images
        self.required_os = required
        self.unknown = unknown_cause(images)
        """Why some image is not known; None when all are."""
        self._policy = policy
        self._rules = rules
        self._by_platform: dict[NodePlatform, PodVerdict] = {}

    def of(self, platform: NodePlatform) -> PodVerdict:
        verdict = self._by_platform.get(platform)
        if verdict is None:
            images = tuple(ResolvedImage(each.image, self._policy.answer(each.answer)) for each in self.images)
            verdict = match_pod(images, self.required_os, platform, self._rules)
            self._by_platform[platform] = verdict
        return verdict

    def allows(self, platform: NodePlatform) -> bool:
        """Whether the pod may go there: MATCH, or UNKNOWN where the policy is open."""
        outcome = self.of(platform).outcome
        return outcome is Outcome.MATCH or (outcome is Outcome.UNKNOWN and self._policy.action == "open")

    def reason(self, platform: NodePlatform) -> str:
        """Why not. The same for all nodes of a platform, so that kube-scheduler can count them under one text."""
        return f"node(s) {self.of(platform).reason}"


def unknown_cause(images: Sequence[ResolvedImage]) -> FailureCause | None:
    """Of the first image that is not known."""
    for image in images:
        if isinstance(image.answer, ImageFailure) and is_unknown(image.answer):
            return image.answer.cause
    return None


class VerdictBook:
    """The verdicts in use. They go when no pod and no cached result holds them any more."""

    def __init__(self, policy: UnknownPolicy, rules: MatchRules = DEFAULT_RULES) -> None:
        self._policy = policy
        self._rules = rules
        self._known: WeakValueDictionary[tuple[object, ...], PodVerdicts] = WeakValueDictionary()

    def of(self, pod: Pod, images: tuple[ResolvedImage, ...]) -> PodVerdicts:
        """Answers are told apart by identity: an entry keeps its answers alive, so no others can have their ids."""
        required = required_os(pod)
        key = (required, *((each.image, id(each.answer)) for each in images))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = PodVerdicts(images, required, self._policy, self._rules)
        return found
