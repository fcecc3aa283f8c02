"""Can this image run on a node of that platform? And all images of a pod?

Owns the decision table: what is known of an image, against a node platform, gives MATCH, NO_MATCH or UNKNOWN with a
cause. Its parts live next door: which platforms a runtime accepts (arm/v7 on arm64, 386 on amd64, Windows builds) in
``acceptance``, which entry of an index it takes in ``selection``, the sentence for users in ``reasons``.

An index is *chosen from*, by the runtime's rules, and believed. A single manifest is *pulled* whatever it is, by every
runtime; whether it then runs is a matter of the CPU and the kernel.

All functions depend on nothing but their arguments. A caller evaluates them once per distinct node platform. What
differs from node to node of one platform, such as an image that a node already holds, is not looked at here.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.images.acceptance import executable, strict, with_fallback
from scheduler.images.content import (
    ContentKind,
    FailureCause,
    ImageAnswer,
    ImageContent,
    ImageFailure,
    IndexEntry,
    offered_platforms,
)
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform, normalize
from scheduler.images.pod_images import Exempt, Misfit, ResolvedImage
from scheduler.images.reasons import reason_for_image, reason_for_os
from scheduler.images.runtime import Runtime, library_rules
from scheduler.images.selection import select
from scheduler.images.verdict import MATCH, Cause, Outcome, PodVerdict, Verdict, failed, no_match, unknown
from scheduler.images.windows_build import runs_on_host


class MatchRules(msgspec.Struct, frozen=True, gc=False):
    """What no Node object tells, for nodes whose labels say nothing of it.

    ``fallback``: containerd takes 386 for amd64, and lower variants, out of an index. It does when it pulls by itself
    (every release before 2.1, or ``use_local_image_pull``), not through its transfer service.
    ``arm32``: arm64 CPUs have a 32-bit mode.
    ``deep_check``: refuse an index entry whose config is known and names a platform that cannot run there.
    """

    fallback: bool = False
    arm32: bool = False
    deep_check: bool = False


DEFAULT_RULES = MatchRules()


def match_pod(
    images: Sequence[ResolvedImage], required_os: str | None, node: NodePlatform, rules: MatchRules = DEFAULT_RULES
) -> PodVerdict:
    """All images of a pod: NO_MATCH if any has it, else UNKNOWN if any has it (the most lasting), else MATCH.

    ``required_os`` (see ``pod_images.required_os``) decides first.
    """
    if required_os and node.os and required_os != node.os:
        return PodVerdict(Outcome.NO_MATCH, Cause.POD_OS, None, reason_for_os(required_os))
    verdicts = [(match(image.answer, node, rules, volume=image.image.volume), image) for image in images]
    worst = max(verdicts, key=lambda pair: _severity(pair[0]), default=None)
    if worst is None or worst[0].outcome is Outcome.MATCH:
        return PodVerdict(Outcome.MATCH)
    verdict, image = worst
    return PodVerdict(verdict.outcome, verdict.cause, image, reason_for_image(image, verdict))


_BY_LASTING: tuple[Cause | FailureCause | None, ...] = (
    Cause.NODE_OS_VERSION,
    Cause.NODE_UNKNOWN,
    *FailureCause,
    Cause.NO_PLATFORM_DATA,
)


def _severity(verdict: Verdict) -> tuple[int, int]:
    if verdict.outcome is Outcome.UNKNOWN:
        return 1, _BY_LASTING.index(verdict.cause)
    return (2 if verdict.outcome is Outcome.NO_MATCH else 0), 0


def match(
    answer: ImageAnswer | Exempt | Misfit,
    node: NodePlatform,
    rules: MatchRules = DEFAULT_RULES,
    *,
    volume: bool = False,
) -> Verdict:
    """One image. ``volume``: it is mounted as an image volume, for which an artifact will do."""
    if isinstance(answer, Exempt):
        return MATCH
    if isinstance(answer, Misfit):
        return no_match(Cause.RUNTIME_CLASS)
    if isinstance(answer, ImageFailure):
        return failed(answer)
    if answer.kind is ContentKind.ARTIFACT:
        return MATCH if volume else no_match(Cause.NOT_AN_IMAGE)
    if not node.is_known:
        return unknown(Cause.NODE_UNKNOWN)
    if node.runtime is Runtime.UNKNOWN:
        return max((match(answer, each, rules, volume=volume) for each in _candidates(node)), key=_severity)
    if answer.kind is ContentKind.INDEX:
        return _match_index(answer, node, rules)
    if answer.kind is ContentKind.SCHEMA1 and node.runtime is not Runtime.CRI_O:
        return no_match(Cause.SCHEMA1)
    return _match_pulled(answer.platform, node, rules)


def _candidates(node: NodePlatform) -> tuple[NodePlatform, ...]:
    """A runtime that does not say what it is gets the worse verdict of the two schools."""
    return (
        msgspec.structs.replace(node, runtime=Runtime.CONTAINERD_2_3),
        msgspec.structs.replace(node, runtime=Runtime.CRI_O),
    )


def _match_index(index: ImageContent, node: NodePlatform, rules: MatchRules) -> Verdict:
    selection = select(index, node, fallback=_takes_fallback(node, rules))
    if selection.entry is not None:
        return _match_selected(selection.entry, index, node, rules)
    if selection.failure is not None:
        return failed(selection.failure)
    if selection.cause is Cause.NO_PLATFORM:
        return no_match(_why_nothing_fits(index, node))
    return no_match(selection.cause or Cause.NO_PLATFORM)


def _match_selected(entry: IndexEntry, index: ImageContent, node: NodePlatform, rules: MatchRules) -> Verdict:
    child = entry.content.platform if entry.content is not None else None
    if entry.platform is None:
        return _match_pulled(child, node, rules)
    if entry.platform.os_version and _build_is_unknown(node) and not _fits_every_build(index, node):
        return unknown(Cause.NODE_OS_VERSION)
    if _lacks_arm32(entry.platform, node, rules):
        return no_match(Cause.FALLBACK_ONLY)
    if rules.deep_check and child is not None and _match_pulled(child, node, rules).outcome is Outcome.NO_MATCH:
        return no_match(Cause.MISLABELLED)
    return MATCH


def _match_pulled(config: Platform | None, node: NodePlatform, rules: MatchRules) -> Verdict:
    """A manifest that the runtime takes without looking: does what its config names run on the machine?"""
    if config is None or not config.architecture:
        return unknown(Cause.NO_PLATFORM_DATA)
    platform = normalize(config, "linux")
    if executable(node).position(platform) is None:
        return no_match(Cause.CPU_LEVEL if _is_same_machine(platform, node) else Cause.CONFIG_PLATFORM)
    if _lacks_arm32(platform, node, rules):
        return no_match(Cause.FALLBACK_ONLY)
    if node.os != "windows" or not platform.os_version:
        return MATCH
    if _build_is_unknown(node):
        return unknown(Cause.NODE_OS_VERSION)
    fits = runs_on_host(platform.os_version, node.os_version, library_rules(node.runtime))
    return MATCH if fits else no_match(Cause.OS_VERSION)


def _why_nothing_fits(index: ImageContent, node: NodePlatform) -> Cause:
    """The nearest miss, because that is what a user can act on."""
    offered = offered_platforms(index)
    if not offered:
        return Cause.EMPTY_INDEX
    near = [platform for platform in offered if _is_same_machine(platform, node)]
    if any(strict(node).position(platform) is not None for platform in near):
        return Cause.SPELLING
    if node.os == "windows" and any(platform.os_version for platform in near):
        return Cause.OS_VERSION
    if any(executable(node).position(platform) is None for platform in near):
        return Cause.CPU_LEVEL
    return Cause.NO_PLATFORM


def _is_same_machine(platform: Platform, node: NodePlatform) -> bool:
    """Equal but for variant, version and features."""
    normal = normalize(platform, node.os)
    return (normal.os, normal.architecture) == (node.os, node.architecture)


def _takes_fallback(node: NodePlatform, rules: MatchRules) -> bool:
    """Docker always; containerd as its node or the settings say."""
    if node.runtime is Runtime.DOCKER:
        return True
    return rules.fallback if node.fallback is None else node.fallback


def _lacks_arm32(platform: Platform, node: NodePlatform, rules: MatchRules) -> bool:
    has_arm32 = rules.arm32 if node.arm32 is None else node.arm32
    return node.architecture == "arm64" and normalize(platform).architecture == "arm" and not has_arm32


def _build_is_unknown(node: NodePlatform) -> bool:
    return node.os == "windows" and not node.os_version


def _fits_every_build(index: ImageContent, node: NodePlatform) -> bool:
    """Some entry names no build at all: whatever the host is, the runtime finds one."""
    accepted = with_fallback(node)
    return any(
        entry.platform is not None and not entry.platform.os_version and accepted.position(entry.platform) is not None
        for entry in index.entries
    )
