"""Pending pods as the watch shows them, with what a decision about each needs worked out before anybody asks.

Owns those pods. What is known of their images is ``looking_up``'s, and decisions are made in ``verbs``. A call brings
the whole pod again: at the same resourceVersion it is the same pod, so the one here is taken instead of reading it,
since kube-scheduler stands still meanwhile.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from scheduler.api.pod import Pod
from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.pod_class import PodClasses
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.images.pod_images import ResolvedImage
from scheduler.loops.alike import Alike

MOST = 10_000
"""Pods of about 1.5 KB each that are kept; of more, the later ones are read when they are asked about."""

Images = tuple[ResolvedImage, ...]


@dataclass(slots=True)
class _Known:
    """``info`` is right as long as ``images`` are what is known of the pod's images."""

    pod: Pod
    images: Images | None = None
    info: PodInfo | None = None


class KnownPods:
    """``classes`` are those of the cache that decisions are made over."""

    def __init__(self, classes: PodClasses) -> None:
        self._classes = classes
        self._alike = Alike()
        self._pods: dict[str, _Known] = {}

    def __len__(self) -> int:
        return len(self._pods)

    def seen(self, pod: Pod, images: Images | None) -> None:
        """A pending pod, and what is known of its images if that is all there is to know."""
        if len(self._pods) >= MOST and pod.metadata.uid not in self._pods:
            return
        self._pods[pod.metadata.uid] = _Known(self._alike.share(pod))
        if images is not None:
            with contextlib.suppress(InvalidQuantity):  # told to whoever asks about the pod
                self.info(pod, images)

    def gone(self, uid: str) -> None:
        """The pod needs no node any more."""
        self._pods.pop(uid, None)

    def find(self, uid: str, resource_version: str) -> Pod | None:
        """The pod, if this is how it was last seen."""
        known = self._pods.get(uid)
        if known is None or known.pod.metadata.resource_version != resource_version:
            return None
        return known.pod

    def info(self, pod: Pod, images: Images) -> PodInfo:
        """The pod with these answers about its images. Raises InvalidQuantity."""
        known = self._pods.get(pod.metadata.uid)
        if known is None or known.pod is not pod:
            return make_pod_info(pod, images, self._classes)
        if known.info is None or known.images is not images:
            known.info, known.images = make_pod_info(pod, images, self._classes), images
        return known.info
