"""What is still to be bound for a pod once its node is chosen, and how far that has come.

Owns the plan: which volume each claim gets, for which claims a volume is to be made, what is written for it, and when
it is done or has failed (upstream: ``plugins/volumebinding/binder.go``, AssumePodVolumes and checkBindings). The writes
themselves are for ``loops.volumes``; until the watch shows them they count as done (``storage``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from scheduler.api.node import Node
from scheduler.api.storage import (
    BOUND_BY_CONTROLLER,
    SELECTED_NODE,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
)
from scheduler.cluster.volumes.matching import Matching, Static
from scheduler.cluster.volumes.migration import DRIVERS, Untranslatable, plugin_of, translated_affinity
from scheduler.cluster.volumes.pod_volumes import PodVolumes
from scheduler.cluster.volumes.reach import Reach
from scheduler.cluster.volumes.volumes import Volumes


class BindingFailed(Exception):
    """The claims will not be bound as planned, so the pod must be decided anew. The text is what users read."""


@dataclass(slots=True)
class Reservation:
    """``static``: claims, each with its volume as that is to be written; ``dynamic``: claims as they are to be."""

    node: str
    static: list[Static] = field(default_factory=list)
    dynamic: list[PersistentVolumeClaim] = field(default_factory=list)


def reserve(volumes: Volumes, wanted: PodVolumes, node: Node) -> Reservation | None:
    """Plan for a pod that was just placed on the node; None if all its claims are bound. Nobody else gets the same.

    Raises BindingFailed when the plan does not hold any more.
    """
    storage = volumes.storage
    claims = [storage.claims.get(use.key) for use in wanted.claims]
    unbound = [claim for claim in claims if claim is not None and not claim.is_bound]
    if not unbound:
        return None
    selected = [claim for claim in unbound if SELECTED_NODE in claim.metadata.annotations]
    others = [claim for claim in unbound if SELECTED_NODE not in claim.metadata.annotations]
    found = Matching(others, selected, storage).on(node.metadata.labels)
    made = Reservation(node.name)
    try:
        for claim, volume in found.static:
            bound = bound_to(volume, claim)
            storage.assume_volume(bound)
            made.static.append(Static(claim, bound))
        for claim, _ in found.dynamic:
            chosen = made_for(claim, node.name)
            storage.claims.assume(chosen.key, chosen)
            made.dynamic.append(chosen)
    except ValueError as error:
        give_back(volumes, made)
        raise BindingFailed(str(error)) from error
    return made


def give_back(volumes: Volumes, reservation: Reservation) -> None:
    """What is not written counts as free again. What is written stays: there is no undoing it."""
    for _, volume in reservation.static:
        volumes.storage.restore_volume(volume.name)
    for claim in reservation.dynamic:
        volumes.storage.claims.restore(claim.key)


def is_done(volumes: Volumes, reservation: Reservation, node: Node) -> bool:
    """Whether the watch shows all claims bound. Raises BindingFailed when they will not be.

    ``reservation`` holds the objects as the API server answered the writes: older ones say nothing.
    """
    return all(_is_bound(volumes, claim, volume, node) for claim, volume in reservation.static) and all(
        _is_made(volumes, claim, node) for claim in reservation.dynamic
    )


def bound_to(volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume:
    """The volume as it is to be written, bound to the claim."""
    metadata = volume.metadata
    if not volume.is_for(claim):
        annotations = {**metadata.annotations, BOUND_BY_CONTROLLER: "yes"}
        metadata = msgspec.structs.replace(metadata, annotations=annotations)
    to = ObjectReference(namespace=claim.metadata.namespace, name=claim.metadata.name, uid=claim.metadata.uid)
    return msgspec.structs.replace(volume, metadata=metadata, spec=msgspec.structs.replace(volume.spec, claim_ref=to))


def made_for(claim: PersistentVolumeClaim, node: str) -> PersistentVolumeClaim:
    """The claim as it is to be written, so that a volume is made for the node."""
    annotations = {**claim.metadata.annotations, SELECTED_NODE: node}
    return msgspec.structs.replace(claim, metadata=msgspec.structs.replace(claim.metadata, annotations=annotations))


def _is_bound(volumes: Volumes, claim: PersistentVolumeClaim, volume: PersistentVolume, node: Node) -> bool:
    known, wanted = volumes.storage.volumes.watched(volume.name), volumes.storage.claims.watched(claim.key)
    if known is None:
        raise BindingFailed(f'failed to check binding: persistentvolume "{volume.name}" not found')
    if wanted is None:
        raise BindingFailed(f'failed to check binding: persistentvolumeclaim "{claim.key}" not found')
    if _is_older(known, volume):
        return False
    _check_reach(known, node, volumes)
    if known.spec.claim_ref is None or not known.spec.claim_ref.uid:
        raise BindingFailed(f'ClaimRef got reset for pv "{volume.name}"')
    return wanted.is_bound


def _is_made(volumes: Volumes, claim: PersistentVolumeClaim, node: Node) -> bool:
    known = volumes.storage.claims.watched(claim.key)
    if known is None:
        raise BindingFailed(f'failed to check provisioning pvc: persistentvolumeclaim "{claim.key}" not found')
    if _is_older(known, claim):
        return False
    if known.metadata.annotations.get(SELECTED_NODE) != node.name:
        raise BindingFailed(f'provisioning failed for PVC "{claim.metadata.name}"')
    if known.spec.volume_name:
        volume = volumes.storage.volumes.watched(known.spec.volume_name)
        if volume is None:
            return False
        _check_reach(volume, node, volumes)
    return known.is_bound


def _check_reach(volume: PersistentVolume, node: Node, volumes: Volumes) -> None:
    affinity = volume.spec.node_affinity
    selector, plugin = affinity.required if affinity else None, plugin_of(volume.spec)
    if plugin in DRIVERS and volumes.migrates(node.name, plugin):
        try:
            selector = translated_affinity(volume)
        except Untranslatable as error:
            raise BindingFailed(f"failed to translate pv to csi: could not translate pv: {error}") from error
    if not Reach(selector).includes(node.metadata.labels):
        reason = "no matching NodeSelectorTerms"
        raise BindingFailed(f'pv "{volume.name}" node affinity doesn\'t match node "{node.name}": {reason}')


def _is_older(
    known: PersistentVolume | PersistentVolumeClaim, written: PersistentVolume | PersistentVolumeClaim
) -> bool:
    """Whether the watch has not shown the write yet."""
    return int(known.metadata.resource_version or 0) < int(written.metadata.resource_version or 0)
