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
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.verdict import Outcome, PodVerdict
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
        self._weights = PlatformWeights(weights)

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
        return None if self._weights else SKIP

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        return nodes.platform_values.gather(self._weights.of, nodes.platforms[rows], np.int64)

    # Private

    def _verdict(self, pod_class: PodClass, platform: NodePlatform) -> PodVerdict:
        return match_pod(pod_class.images or (), pod_class.required_os, platform, self._rules)

    def _fits(self, pod_class: PodClass, platform: NodePlatform) -> bool:
        """UNKNOWN does not fit: a pod is never placed on a guess."""
        return self._verdict(pod_class, platform).outcome is Outcome.MATCH


def _changed_platform(_pod: Pod, event: ClusterEvent) -> bool:
    if not (isinstance(event.old, Node) and isinstance(event.new, Node)):
        return True
    return node_platform(event.old) != node_platform(event.new)
