"""The scheduler's picture of the cluster, as far as explaining a pod's images needs it.

Owns nothing: it reads the cache and the queue while nobody writes, since all run in one event loop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.images.node_platform import NodePlatform
from scheduler.images.pod_images import ResolvedImage, name_on_nodes
from scheduler.queue.scheduling_queue import SchedulingQueue


class Situation(NamedTuple):
    """Nodes that are alike for a pod: their platform, and those of its images that must fit there."""

    platform: NodePlatform
    images: tuple[ResolvedImage, ...]
    nodes: list[str]


class KnownCluster:
    """Nodes and placed pods of ``cache``, and the pods of ``queue``, which wait for this scheduler."""

    def __init__(self, cache: Cache, queue: SchedulingQueue) -> None:
        self._cache = cache
        self._queue = queue

    def pod(self, namespace: str, name: str) -> Pod | None:
        """The pod of this name; None if it is neither placed nor pending for this scheduler."""
        pods = chain((queued.pod for queued in self._queue), (placed.pod for _, placed in self._cache))
        for pod in pods:
            meta = pod.metadata
            if meta.name == name and meta.namespace == namespace:
                return pod
        return None

    def situations(self, images: Sequence[ResolvedImage]) -> list[Situation]:
        """All nodes, grouped. As for the plugin ImagePlatform, an image that a node holds need not fit there."""
        nodes = self._cache.nodes
        held = [
            (resolved, state)
            for resolved in images
            if resolved.image.pull_policy != "Always"
            and (state := nodes.images.get(name_on_nodes(resolved.image.image))) is not None
        ]
        alike: dict[tuple[int, tuple[bool, ...]], list[str]] = defaultdict(list)
        for row, node in nodes:
            alike[int(nodes.platforms[row]), tuple(row in state for _, state in held)].append(node.name)
        found = []
        for (platform, has), names in alike.items():
            there = [resolved for (resolved, _), holds in zip(held, has, strict=True) if holds]
            left = tuple(resolved for resolved in images if not any(resolved is each for each in there))
            found.append(Situation(nodes.platform_values.value(platform), left, sorted(names)))
        return sorted(found, key=lambda situation: (str(situation.platform), situation.nodes))
