"""ImageLocality: better where the pod's images are already, weighed against herding all pods there.

Mirrors ``plugins/imagelocality``. Its score depends on how many nodes have an image, hence the epoch. It knows nothing
of platforms: that is ImagePlatform.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np

from scheduler.api.pod import PodSpec
from scheduler.cluster.columns import Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import ScorePlugin, Scores

_MIB = 1024 * 1024
LEAST = 23 * _MIB
"""Images that are smaller in sum do not count."""
MOST_PER_IMAGE = 1000 * _MIB
"""Larger ones do not count for more."""


class ImageLocality(ScorePlugin):
    """Scores by the bytes that need not be pulled, spread over the nodes that have them."""

    name = "ImageLocality"

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        present = np.zeros(nodes.size, dtype=np.int64)
        images = list(_images(pod_class.spec))
        for image in images:
            state = nodes.images.get(lookup_name(image))
            if state is not None:
                present[state.rows()] += int(float(state.size) * (float(len(state)) / float(len(nodes))))
        most = MOST_PER_IMAGE * len(images)
        if most <= LEAST:
            return present[rows] * 0
        return (np.clip(present[rows], LEAST, most) - LEAST) * 100 // (most - LEAST)

    def epoch(self, pod_class: PodClass, nodes: NodeTable) -> Hashable:
        states = [nodes.images.get(lookup_name(image)) for image in _images(pod_class.spec)]
        spread = tuple((len(state), state.size) for state in states if state is not None)
        return (len(nodes), spread) if spread else None


def lookup_name(image: str) -> str:
    """The name by which kubelets report an image: with a tag, ``latest`` if none is written."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"


def _images(spec: PodSpec) -> Iterator[str]:
    """Once per use, so that an image of two containers counts twice, as upstream."""
    for container in (*spec.init_containers, *spec.containers):
        yield container.image
    for volume in spec.volumes:
        if volume.image is not None:
            yield volume.image.reference
