"""Pod classes: all pods that no plugin can tell apart share one, so that work is done once per class.

Owns what matters for scheduling: the fingerprint here must cover every field that a row-local plugin reads. The
replicas of a Deployment differ in name, uid and the random names of their token volumes, none of which any plugin
reads. Labels are not part of it, because nodes do not look at them and the replicas of a StatefulSet each have their
own: they are a pod's shape (``shapes``), and only plugins that look at other pods see that. Names of claims are, though
no node knows them; what does not depend on them is worked out for the class ``on_rows``, which leaves them out.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace

from scheduler.api.pod import Pod, PodSpec, Volume
from scheduler.cluster.ports import host_ports
from scheduler.cluster.requests import pod_requests, scoring_requests
from scheduler.cluster.shapes import PodShapes
from scheduler.cluster.volumes.pod_volumes import pod_volumes
from scheduler.images.pod_images import ResolvedImage, required_os


class PodClass:
    """What plugins see of a pod. Compared by identity: ``PodClasses`` sees to it that equal pods share one."""

    __slots__ = (
        "__weakref__",
        "_unnamed",
        "amounts",
        "derived",
        "images",
        "namespace",
        "ports",
        "requests",
        "required_os",
        "scoring",
        "spec",
        "volumes",
    )

    def __init__(self, pod: Pod, images: tuple[ResolvedImage, ...] | None, unnamed: PodClass | None = None) -> None:
        self._unnamed = unnamed
        self.spec: PodSpec = pod.spec
        """Of some pod of the class: read only what the fingerprint covers. API objects are never changed in place."""
        self.namespace = pod.metadata.namespace
        self.images = images
        """What is known of its images; None if nobody asked."""
        self.required_os = required_os(pod)
        """The operating system without which no kubelet takes it."""
        self.requests = pod_requests(pod)
        self.amounts = dict(self.requests.amounts)
        """What it asks for by resource name, without zeros."""
        self.scoring = scoring_requests(pod)
        """What nodes are compared by: containers that ask for nothing count with a default."""
        self.derived: dict[Hashable, Any] = {}
        """What plugins have worked out from the class, kept here under keys of theirs."""
        self.ports = host_ports(pod.spec)
        self.volumes = pod_volumes(pod)
        """Claims and disks. A pod with an ephemeral volume, whose claim is its own, is a class of its own."""

    @property
    def on_rows(self) -> PodClass:
        """The class of all pods that differ in the names of their claims only, to be shown to row-local plugins.

        Its own names are those of some pod: nobody may read them.
        """
        return self if self._unnamed is None else self._unnamed


class PodClasses:
    """The classes in use. A class goes when no pod and no cached result holds it any more."""

    def __init__(self) -> None:
        self.shapes = PodShapes()
        """What of a pod its class leaves out."""
        self._classes: WeakValueDictionary[tuple[bytes, tuple[int, ...] | None], PodClass] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._classes)

    def of(self, pod: Pod, images: tuple[ResolvedImage, ...] | None) -> PodClass:
        """The class of a pod with these answers about its images. Raises InvalidQuantity.

        Answers are told apart by identity, which is quick and safe: a class keeps its answers alive, so no other object
        can have their ids while the class is found here.
        """
        answers = None if images is None else tuple(id(image.answer) for image in images)
        key = (fingerprint(pod, claim_names=True), answers)
        found = self._classes.get(key)
        if found is None:
            unnamed = self._unnamed(pod, images, answers) if any(map(_is_claim, pod.spec.volumes)) else None
            found = self._classes[key] = PodClass(pod, images, unnamed)
        return found

    def _unnamed(self, pod: Pod, images: tuple[ResolvedImage, ...] | None, answers: tuple[int, ...] | None) -> PodClass:
        key = (fingerprint(pod, claim_names=False), answers)
        found = self._classes.get(key)
        if found is None:
            found = self._classes[key] = PodClass(pod, images)
        return found


def fingerprint(pod: Pod, *, claim_names: bool) -> bytes:
    """Equal for pods that plugins cannot tell apart, whatever their names; a few microseconds."""
    spec = pod.spec
    read = _without_name if claim_names else _without_names
    owners = [(pod.metadata.uid, pod.key, volume.name) for volume in spec.volumes if volume.ephemeral is not None]
    return msgspec.json.encode(
        (
            pod.metadata.namespace,
            required_os(pod),
            spec.node_name,
            spec.containers,
            spec.init_containers,
            spec.resources,
            spec.overhead,
            spec.node_selector,
            spec.affinity,
            spec.tolerations,
            spec.host_network,
            spec.host_users,
            spec.topology_spread_constraints,
            spec.resource_claims,
            [volume for volume in map(read, spec.volumes) if volume is not None],
            owners if claim_names else len(owners),
        )
    )


_SOURCES = tuple(field for field in Volume.__struct_fields__ if field != "name")


def _without_name(volume: Volume) -> tuple[object, ...] | None:
    """What plugins read of a volume; None for the kinds that they do not look at."""
    source = tuple(getattr(volume, field) for field in _SOURCES)
    return source if any(part is not None for part in source) else None


def _without_names(volume: Volume) -> tuple[object, ...] | None:
    """The same without the name of a claim."""
    if volume.persistent_volume_claim is None:
        return _without_name(volume)
    return _without_name(
        replace(volume, persistent_volume_claim=replace(volume.persistent_volume_claim, claim_name=""))
    )


def _is_claim(volume: Volume) -> bool:
    return volume.persistent_volume_claim is not None or volume.ephemeral is not None
