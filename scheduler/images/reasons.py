"""What users read when an image does not fit: one short sentence per image and cause.

Owns the texts. A reason never names a node or anything that differs from node to node, so that a thousand nodes which
lack the same thing are counted under one text. It is written to follow "node(s) " in a kube-scheduler message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from scheduler.images import media_types
from scheduler.images.content import ContentKind, FailureCause, ImageContent, offered_platforms
from scheduler.images.pod_images import Misfit, ResolvedImage
from scheduler.images.reference import InvalidReference, parse_reference
from scheduler.images.verdict import Cause, Outcome, Verdict
from scheduler.images.windows_build import build_prefix

_MOST_PLATFORMS = 6
_LONGEST_TEXT = 200  # of what others wrote: an event note holds 1024 bytes in all
_LONGEST_ITEM = 60
_DIGEST_TAIL = re.compile(r"(@[a-z0-9]+:[0-9a-f]{12})[0-9a-f]+$", re.ASCII)


def reason_for_os(required_os: str) -> str:
    return f"have another operating system than the pod asks for ({required_os})"


def reason_for_image(resolved: ResolvedImage, verdict: Verdict) -> str:
    """Why nodes are refused: ``can't run image ghcr.io/acme/app:1 (built for linux/amd64, linux/arm64)``."""
    name = image_name(resolved.image.image)
    if verdict.cause is Cause.NODE_UNKNOWN:
        return "don't tell their operating system and architecture"
    if verdict.cause is Cause.NODE_OS_VERSION:
        return f"don't tell their Windows build, on which image {name} depends"
    verb = "mount" if resolved.image.volume else "run"
    if verdict.outcome is Outcome.UNKNOWN:
        return f"might not {verb} image {name} ({_detail(resolved, verdict)})"
    return f"can't {verb} image {name} ({_detail(resolved, verdict)})"


def image_name(image: str) -> str:
    """The image as the pod names it, a digest shortened; in quotes if it is no image name at all."""
    try:
        parse_reference(image)
    except InvalidReference:
        return json.dumps(_cut(image, 100), ensure_ascii=False)
    return _DIGEST_TAIL.sub(r"\1", image)


def built_for(content: ImageContent) -> str:
    """``built for linux/amd64, linux/arm64``."""
    return f"built for {_listed(str(platform) for platform in offered_platforms(content))}"


def _detail(resolved: ResolvedImage, verdict: Verdict) -> str:
    if verdict.failure is not None:
        return _failure(resolved.image.image, verdict)
    content = resolved.answer
    if isinstance(content, Misfit):
        return f"{built_for(content.content)}: RuntimeClass {content.runtime_class} runs {content.platform}"
    if not isinstance(content, ImageContent):  # a verdict of another answer: say the cause rather than guess
        return str(verdict.cause)
    return _DETAILS.get(verdict.cause or "", built_for)(content)


def _failure(image: str, verdict: Verdict) -> str:
    if verdict.cause is FailureCause.INVALID_REFERENCE:
        try:
            parse_reference(image)
        except InvalidReference as error:
            return f"invalid image name: {_cut(error.reason, _LONGEST_TEXT)}"
    if verdict.cause is FailureCause.PENDING:
        return "its platforms are still being read"
    return _cut(verdict.failure.message if verdict.failure else str(verdict.cause), _LONGEST_TEXT)


def _builds(content: ImageContent) -> str:
    versions = (platform.os_version for platform in offered_platforms(content))
    return f"built for Windows {_listed(dict.fromkeys(build_prefix(version) for version in versions if version))}"


def _artifact(content: ImageContent) -> str:
    if content.kind is ContentKind.INDEX:
        return "its index leads to something that is not a container image"
    if content.artifact_type == media_types.HELM_CONFIG:
        return "it is a Helm chart, not a container image"
    kind = f" of type {_cut(content.artifact_type, _LONGEST_TEXT)}" if content.artifact_type else ""
    return f"it is an artifact{kind}, not a container image"


def _says(text: str) -> Callable[[ImageContent], str]:
    return lambda _content: text


_DETAILS: dict[str, Callable[[ImageContent], str]] = {
    Cause.OS_VERSION: _builds,
    Cause.CPU_LEVEL: lambda content: f"{built_for(content)}: a CPU level not known to be there",
    Cause.FALLBACK_ONLY: lambda content: f"{built_for(content)}: 32-bit and lower variants are not enabled there",
    Cause.SPELLING: lambda content: f"{built_for(content)}: names that the container runtime does not take",
    Cause.EMPTY_INDEX: _says("its index lists no platform"),
    Cause.CHILD_MISSING: _says("a manifest that its index lists is missing or broken"),
    Cause.NESTED_INDEX: _says("its index leads to another index, which the container runtime does not follow"),
    Cause.NOT_AN_IMAGE: _artifact,
    Cause.SCHEMA1: _says("its manifest is of the outdated schema 1"),
    Cause.MISLABELLED: _says("its index and its config name different platforms"),
    Cause.NO_PLATFORM_DATA: _says("its config names no architecture"),
}


def _listed(items: Iterable[str]) -> str:
    texts = [_cut(item, _LONGEST_ITEM) for item in items]
    hidden = len(texts) - _MOST_PLATFORMS
    return ", ".join(texts[:_MOST_PLATFORMS]) + (f", +{hidden} more" if hidden > 0 else "")


def _cut(text: str, length: int) -> str:
    """Fit for one line of a message: what strangers wrote may be endless, or hold control characters."""
    shown = text if len(text) <= length else text[: length - 3] + "..."
    return shown if shown.isprintable() else "".join(c if c.isprintable() else "?" for c in shown)
