"""Pod shapes: what label selectors see of a pod, its namespace and its labels, once for all pods that look the same.

Owns the interning. The replicas of a Deployment have one shape, so whoever selects pods looks at shapes, not at pods:
``matchers`` counts them per node. A pod that is being deleted has a shape of its own, since some rules count it and
others do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakValueDictionary

from scheduler.api.pod import Pod


class PodShape:
    """Compared by identity: ``PodShapes`` sees to it that equal pods share one."""

    __slots__ = ("__weakref__", "labels", "namespace", "terminating")

    def __init__(self, namespace: str, labels: Mapping[str, str], terminating: bool) -> None:
        self.namespace = namespace
        self.labels = labels
        self.terminating = terminating


class PodShapes:
    """The shapes in use. A shape goes when no pod and no cached result holds it any more."""

    def __init__(self) -> None:
        self._shapes: WeakValueDictionary[tuple[str, bool, tuple[tuple[str, str], ...]], PodShape] = (
            WeakValueDictionary()
        )

    def __len__(self) -> int:
        return len(self._shapes)

    def of(self, pod: Pod) -> PodShape:
        """The shape of a pod as it is now."""
        metadata = pod.metadata
        terminating = metadata.deletion_timestamp is not None
        key = (metadata.namespace, terminating, tuple(sorted(metadata.labels.items())))
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = PodShape(metadata.namespace, dict(metadata.labels), terminating)
        return found
