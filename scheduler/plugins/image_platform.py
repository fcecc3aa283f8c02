"""ImagePlatform: a pod goes only where all its images can run, and by preference where the user wants them to.

Ours; kube-scheduler has nothing like it. Whether an image runs on a node platform is decided in ``images.matching``;
here that is asked once per distinct platform of the cluster. The arguments are node platforms with a weight each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.columns import ID, Ids, Mask, Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import SKIP, FilterPlugin, PreFilterAnswer, ScorePlugin, Scores, Skip
from scheduler.framework.status import Code, Rejection
from scheduler.images.matching import DEFAULT_RULES, MatchRules, match_pod
from scheduler.images.node_platform import NodePlatform, node_platform
from scheduler.images.platform import Platform, parse_platform
from scheduler.images.verdict import Outcome, PodVerdict
from scheduler.images.windows_build import build_prefix
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

REASON_NOT_KNOWN = "it is not known yet which platforms the pod's images are built for"


class ImagePlatform(FilterPlugin, ScorePlugin):
    """Filters by what images are built for, scores by the weights given to node platforms.

    ``weights``: platform as text (``linux/arm64``, ``windows(10.0.20348)/amd64``) -> score, 0 to 100; a node takes that
    of the most specific platform it is covered by, else 0. Raises InvalidPlatform, ValueError.
    """

    name = "ImagePlatform"

    def __init__(self, weights: Mapping[str, int] | None = None, rules: MatchRules = DEFAULT_RULES) -> None:
        self._rules = rules
        patterns = [(parse_platform(text), weight) for text, weight in (weights or {}).items()]
        for pattern, weight in patterns:
            if not 0 <= weight <= 100:
                raise ValueError(f"weight {weight} of platform {pattern} is not between 0 and 100")
        self._patterns = sorted(patterns, key=lambda pair: _specificity(pair[0]), reverse=True)

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.NODE_ADD: always,
            EventKind.NODE_UPDATE_PLATFORM: _changed_platform,
            EventKind.IMAGE_RESOLVED: always,
        }

    # Filter

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        if pod_class.images is None:
            return Rejection(Code.UNRESOLVABLE, self.name, (REASON_NOT_KNOWN,))
        return None

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        return nodes.platform_values.gather(lambda p: self._fits(pod_class, p), nodes.platforms[rows], np.bool_)

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        distinct, ids = np.unique(nodes.platforms[rows], return_inverse=True)
        verdicts = [self._verdict(pod_class, nodes.platform_values.value(number)) for number in distinct.tolist()]
        return ids.astype(ID), [
            Rejection(Code.UNRESOLVABLE, self.name, (f"node(s) {verdict.reason}",)) for verdict in verdicts
        ]

    # Score

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        return None if self._patterns else SKIP

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        return nodes.platform_values.gather(self._weight, nodes.platforms[rows], np.int64)

    # Private

    def _verdict(self, pod_class: PodClass, platform: NodePlatform) -> PodVerdict:
        return match_pod(pod_class.images or (), pod_class.required_os, platform, self._rules)

    def _fits(self, pod_class: PodClass, platform: NodePlatform) -> bool:
        """UNKNOWN does not fit: a pod is never placed on a guess."""
        return self._verdict(pod_class, platform).outcome is Outcome.MATCH

    def _weight(self, platform: NodePlatform) -> int:
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


def _changed_platform(_pod: Pod, event: ClusterEvent) -> bool:
    if not (isinstance(event.old, Node) and isinstance(event.new, Node)):
        return True
    return node_platform(event.old) != node_platform(event.new)
