"""A pending pod with all that is worked out about it once, before its first decision.

Owns the pair of what is the pod's own (identity, the seed that breaks ties) and what it shares with its class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scheduler.api.pod import Pod
from scheduler.cluster.node_table import name_hash
from scheduler.cluster.pod_class import PodClass, PodClasses
from scheduler.cluster.shapes import PodShape
from scheduler.images.pod_images import ResolvedImage


class Controller(NamedTuple):
    """The owner that manages a pod, by which it is found in the pod's namespace."""

    api_version: str
    kind: str
    name: str


class Likeness(NamedTuple):
    """Pods that are alike in all of this are decided alike, except that ties between nodes may be broken otherwise."""

    pod_class: PodClass
    shape: PodShape
    controller: Controller | None


@dataclass(frozen=True, slots=True)
class PodInfo:
    """``seed`` is a hash of the uid: it decides between nodes of equal score."""

    pod: Pod
    likeness: Likeness
    seed: int

    @property
    def pod_class(self) -> PodClass:
        return self.likeness.pod_class

    @property
    def shape(self) -> PodShape:
        return self.likeness.shape

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
    likeness = Likeness(classes.of(pod, images), classes.shapes.of(pod), controller_of(pod))
    return PodInfo(pod, likeness, name_hash(uid_of(pod)))


def controller_of(pod: Pod) -> Controller | None:
    """The owner reference that is marked as the controller's; there is at most one."""
    for owner in pod.metadata.owner_references:
        if owner.controller:
            return Controller(owner.api_version, owner.kind, owner.name)
    return None
