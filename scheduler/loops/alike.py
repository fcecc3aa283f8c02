"""Pods of one workload are alike: what they have in common is kept once.

Owns the sharing. A pod as the API server tells it takes 4 KB, of which all but 1 KB is the same for every replica of a
Deployment. Pods are read, never written, by whoever gets them from here.
"""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from typing import TypeVar

import msgspec

from scheduler.api.meta import OwnerReference
from scheduler.api.pod import Pod, PodSpec

_MOST = 2_000
"""Different parts that are remembered, those seen last. What is shared already stays shared."""

_encoder = msgspec.json.Encoder()

T = TypeVar("T")

_Meta = tuple[dict[str, str], dict[str, str], list[OwnerReference]]


class Alike:
    """Remembers the parts of pods seen before."""

    def __init__(self) -> None:
        self._specs: OrderedDict[bytes, PodSpec] = OrderedDict()
        self._metas: OrderedDict[bytes, _Meta] = OrderedDict()

    def share(self, pod: Pod) -> Pod:
        """The same pod, whose parts are those of pods before it where they are equal. The node's name is its own."""
        self._share_spec(pod)
        metadata = pod.metadata
        meta = (metadata.labels, metadata.annotations, metadata.owner_references)
        known = _known(self._metas, _encoder.encode(meta), meta)
        metadata.labels, metadata.annotations, metadata.owner_references = known
        return pod

    def _share_spec(self, pod: Pod) -> None:
        node, pod.spec.node_name = pod.spec.node_name, ""
        known = _known(self._specs, _encoder.encode(pod.spec), pod.spec)
        pod.spec = copy.copy(known)
        pod.spec.node_name = node


def _known(parts: OrderedDict[bytes, T], encoded: bytes, part: T) -> T:
    key = hashlib.sha256(encoded).digest()  # the encoded part takes as much as the part
    known = parts.setdefault(key, part)
    parts.move_to_end(key)
    if len(parts) > _MOST:
        parts.popitem(last=False)
    return known
