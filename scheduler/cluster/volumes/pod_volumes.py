"""What a pod's volumes ask for: claims, disks, and what of it a CSI driver will have to attach.

Owns the reading of ``spec.volumes``. Nearly all pods ask for nothing of the kind and share ``NO_VOLUMES``, so they cost
nothing. What a claim is bound to is looked up in ``storage``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scheduler.api.pod import Pod, Volume
from scheduler.cluster.volumes.disks import Disk, disks
from scheduler.cluster.volumes.migration import Attachable, Untranslatable, plugin_of, translated


class Owner(NamedTuple):
    """The pod that an ephemeral volume's claim must belong to."""

    uid: str
    pod: str


class ClaimUse(NamedTuple):
    """One volume that is a claim. ``key`` is namespace/name, ``owner`` is given for ephemeral volumes."""

    key: str
    owner: Owner | None = None

    @property
    def name(self) -> str:
        return self.key.partition("/")[2]

    def foreign(self) -> str:
        """What is to be said when the claim belongs to somebody else."""
        pod = "" if self.owner is None else self.owner.pod
        return f"PVC {self.key} was not created for pod {pod} (pod is not owner)"


@dataclass(frozen=True, slots=True)
class PodVolumes:
    """In the order of the pod's volumes, with repeats."""

    claims: tuple[ClaimUse, ...] = ()
    disks: tuple[Disk, ...] = ()
    attached: tuple[Attachable, ...] = ()
    """Volumes that the pod names itself and that a CSI driver serves by now."""
    fault: str = ""
    """Why one of those cannot be told to its driver; empty if all can."""


NO_VOLUMES = PodVolumes()


def pod_volumes(pod: Pod) -> PodVolumes:
    """What the pod's volumes ask for."""
    if not any(map(_counts, pod.spec.volumes)):
        return NO_VOLUMES
    claims = tuple(use for volume in pod.spec.volumes if (use := claim_use(pod, volume)) is not None)
    held = disks(pod.spec.volumes)
    attached: list[Attachable] = []
    fault = ""
    for volume in pod.spec.volumes:
        if plugin_of(volume) is None:
            continue
        try:
            found = translated(volume, {})
        except Untranslatable as error:
            fault = fault or f"converting volume({volume.name}) from inline to csi: {error}"
        else:
            attached.extend([found] if found is not None else [])
    return PodVolumes(claims, held, tuple(attached), fault)


def claim_use(pod: Pod, volume: Volume) -> ClaimUse | None:
    """The claim behind a volume of the pod; None for volumes of other kinds."""
    namespace, name = pod.metadata.namespace, pod.metadata.name
    if volume.persistent_volume_claim is not None:
        return ClaimUse(f"{namespace}/{volume.persistent_volume_claim.claim_name}")
    if volume.ephemeral is not None:
        return ClaimUse(f"{namespace}/{name}-{volume.name}", Owner(pod.metadata.uid, pod.key))
    return None


def is_countable(volume: Volume) -> bool:
    """Whether the volume can count against a node's attach limit."""
    return volume.persistent_volume_claim is not None or volume.ephemeral is not None or plugin_of(volume) is not None


def _counts(volume: Volume) -> bool:
    return is_countable(volume) or volume.iscsi is not None or volume.rbd is not None
