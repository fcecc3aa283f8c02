"""Which platforms an operator prefers: weights by platform pattern, the most specific one deciding.

Owns the matching of patterns such as ``linux/arm64`` or ``windows(10.0.20348)/amd64``. What a weight does to a score is
up to whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform, parse_platform
from scheduler.images.windows_build import build_prefix


class PlatformWeights:
    """Platform as text -> weight, 0 to 100. Raises InvalidPlatform, ValueError."""

    def __init__(self, weights: Mapping[str, int] | None = None) -> None:
        patterns = [(parse_platform(text), weight) for text, weight in (weights or {}).items()]
        for pattern, weight in patterns:
            if not 0 <= weight <= 100:
                raise ValueError(f"weight {weight} of platform {pattern} is not between 0 and 100")
        self._patterns = sorted(patterns, key=lambda pair: _specificity(pair[0]), reverse=True)

    def __bool__(self) -> bool:
        """Whether there is any preference."""
        return bool(self._patterns)

    def of(self, platform: NodePlatform) -> int:
        """That of the most specific pattern that covers the platform, else 0."""
        return next((weight for pattern, weight in self._patterns if _covers(pattern, platform)), 0)


def _covers(pattern: Platform, platform: NodePlatform) -> bool:
    """Equal in what the pattern names: operating system, architecture, and variant and Windows build if it does."""
    return (
        (pattern.os, pattern.architecture) == (platform.os, platform.architecture)
        and pattern.variant in {"", platform.variant}
        and (not pattern.os_version or build_prefix(pattern.os_version) == platform.os_version)
    )


def _specificity(pattern: Platform) -> int:
    return bool(pattern.variant) + bool(pattern.os_version)
