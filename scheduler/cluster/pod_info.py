"""A pending pod with all that is worked out about it once, before its first decision.

Owns the pair of what is the pod's own (identity, the seed that breaks ties) and what it shares with its class.
"""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.api.pod import Pod
from scheduler.cluster.node_table import name_hash
from scheduler.cluster.pod_class import PodClass, PodClasses
from scheduler.images.pod_images import ResolvedImage


@dataclass(frozen=True, slots=True)
class PodInfo:
    """``seed`` is a hash of the uid: it decides between nodes of equal score."""

    pod: Pod
    pod_class: PodClass
    seed: int

    @property
    def uid(self) -> str:
        return uid_of(self.pod)

    @property
    def key(self) -> str:
        return self.pod.key


def uid_of(pod: Pod) -> str:
    """What a pod is known by. Pods from files may have no uid; their namespace and name have to do."""
    return pod.metadata.uid or pod.key


def make_pod_info(pod: Pod, images: tuple[ResolvedImage, ...] | None, classes: PodClasses) -> PodInfo:
    """Prepare a pod for ``framework.cycle``. Raises InvalidQuantity for a pod that no API server would have taken.

    ``images``: the answers about every image of the pod; None where the profile does not look at images.
    """
    return PodInfo(pod, classes.of(pod, images), name_hash(uid_of(pod)))
