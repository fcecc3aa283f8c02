"""Which nodes can run a pod's images: the judgement that filter, narrowing and preempt share.

Owns how the scheduler's plugin ImagePlatform is asked: about our own nodes through ``scheduler.framework``, which keeps
what it found per pod class and repairs it when nodes change; about nodes that somebody sent, by what they say of
themselves. Pods come here with their images settled: what is still unknown then is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.wire.answers import FailedNodes
from extender.wire.arguments import SentInfo, SentLabels, SentNode
from scheduler.api.node import NodeSystemInfo
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import RowIndexes
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.plugin import ClusterPlugin, ScorePlugin
from scheduler.framework.profile import Profile
from scheduler.images.matching import match_pod
from scheduler.images.node_platform import NodePlatform, platform_of
from scheduler.images.verdict import Outcome, PodVerdict
from scheduler.plugins.image_platform import ImagePlatform

STRANGE_NODE = "node(s) not known to the image platform extender yet"
"""The rule for names that our own watch has not shown: such a node is refused, and nobody is evicted from it."""

REMEMBERED_ROWS = 1_000_000
"""About 30 bytes each: 200 pod classes at 5,000 nodes, in 30 MB at most."""


class Judge:
    """``scores`` with their weights put the nodes that can run a pod in an order; a filter needs none."""

    def __init__(
        self,
        cache: Cache,
        image_platform: ImagePlatform,
        scores: tuple[tuple[ScorePlugin | ClusterPlugin, int], ...] = (),
    ) -> None:
        self.nodes = cache.nodes
        self._image_platform = image_platform
        profile = Profile("extender", (image_platform,), scores)
        self._cycle = SchedulingCycle(cache, profile, remembered_rows=REMEMBERED_ROWS)
        self._verdicts: WeakKeyDictionary[PodClass, dict[NodePlatform, PodVerdict]] = WeakKeyDictionary()

    def keys(self, info: PodInfo) -> NDArray[np.int64]:
        """int64[size] of the node table: negative where the pod cannot run, else the greater the better."""
        evaluation = self._cycle.evaluation(info.pod_class)
        evaluation.refresh()
        return evaluation.keys

    def possible(self, info: PodInfo) -> int:
        """How many nodes of ours can run the pod."""
        evaluation = self._cycle.evaluation(info.pod_class)
        evaluation.refresh()
        return evaluation.feasible

    def can_run(self, info: PodInfo, name: str) -> bool:
        """Whether a node of ours can run the pod."""
        row = self.nodes.row_of(name)
        return row is not None and bool(self.keys(info)[row] >= 0)

    def refuse(self, info: PodInfo, names: Sequence[str], rows: RowIndexes, failed: FailedNodes) -> None:
        """Puts nodes of ours that cannot run the pod into ``failed``, each with its reason."""
        ids, rejections = self._image_platform.explain(info.pod_class, self.nodes, rows)
        for number, rejection in enumerate(rejections):
            failed.add(list(compress(names, (ids == number).tobytes())), ", ".join(rejection.reasons))

    def verdicts(self, info: PodInfo, sent: Iterable[SentNode]) -> Iterator[PodVerdict]:
        """Of nodes as they describe themselves. Which images they hold is not looked at."""
        known = self._verdicts.setdefault(info.pod_class, {})
        rules = self._image_platform.rules
        for platform in platforms_of(sent):
            verdict = known.get(platform)
            if verdict is None:
                images = info.pod_class.images or ()
                verdict = known[platform] = match_pod(images, info.pod_class.required_os, platform, rules)
            yield verdict


def platforms_of(sent: Iterable[SentNode]) -> Iterator[NodePlatform]:
    """What the nodes say of themselves."""
    return (_platform(node.metadata.labels, node.status.node_info) for node in sent)


@lru_cache(maxsize=4096)
def _platform(labels: SentLabels, info: SentInfo) -> NodePlatform:
    """Thousands of nodes say the same."""
    by_name = {field.encode_name: getattr(labels, field.name) for field in msgspec.structs.fields(labels)}
    return platform_of(by_name, NodeSystemInfo(**msgspec.structs.asdict(info)))


def is_match(verdict: PodVerdict) -> bool:
    """UNKNOWN is a no: what the operator's policy lets pass is not unknown any more."""
    return verdict.outcome is Outcome.MATCH
