"""Small builders of storage objects, beside those of ``builders``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scheduler.api.storage import (
    BIND_COMPLETED,
    MIGRATED_PLUGINS,
    SELECTED_NODE,
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeAttachment,
)
from tests.builders import Object, decoded


def a_claim(
    name: str = "claim",
    *,
    volume: str = "",
    storage_class: str | None = "waiting",
    size: str = "1Gi",
    modes: Sequence[str] = ("ReadWriteOnce",),
    node: str = "",
    owner: str = "",
    version: str = "1",
    phase: str = "",
    deleted: bool = False,
    spec: Object | None = None,
) -> PersistentVolumeClaim:
    """A claim of the namespace default. ``volume``: it is bound to that; ``node``: its volume is being made for it."""
    annotations = {BIND_COMPLETED: "yes"} if volume else {}
    return decoded(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": f"uid-{name}",
                "resourceVersion": version,
                "annotations": annotations | ({SELECTED_NODE: node} if node else {}),
                "ownerReferences": [{"kind": "Pod", "name": owner, "uid": owner, "controller": True}] if owner else [],
                **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}),
            },
            "spec": {
                "accessModes": list(modes),
                "resources": {"requests": {"storage": size}},
                "volumeName": volume,
                "storageClassName": storage_class,
                **(spec or {}),
            },
            "status": {"phase": phase or ("Bound" if volume else "Pending")},
        },
        PersistentVolumeClaim,
    )


def a_volume(
    name: str = "volume",
    *,
    source: Object | None = None,
    storage_class: str = "waiting",
    size: str = "1Gi",
    modes: Sequence[str] = ("ReadWriteOnce",),
    zones: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    claim: str = "",
    version: str = "1",
    phase: str = "Available",
    spec: Object | None = None,
) -> PersistentVolume:
    """A volume, of CSI unless ``source`` says otherwise. ``zones``: it is reached from nodes with such a label zone."""
    requirement = {"key": "zone", "operator": "In", "values": list(zones)}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}}
    return decoded(
        {
            "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": version, "labels": dict(labels or {})},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": list(modes),
                "storageClassName": storage_class,
                **({"nodeAffinity": affinity} if zones else {}),
                **({"claimRef": {"namespace": "default", "name": claim}} if claim else {}),
                **(source or {"csi": {"driver": "csi", "volumeHandle": name}}),
                **(spec or {}),
            },
            "status": {"phase": phase},
        },
        PersistentVolume,
    )


def a_storage_class(
    name: str = "waiting",
    *,
    provisioner: str = "csi",
    mode: str | None = "WaitForFirstConsumer",
    zones: Sequence[str] | None = None,
) -> StorageClass:
    """``zones``: makes volumes for nodes with such a label zone only."""
    terms = [] if zones is None else [{"matchLabelExpressions": [{"key": "zone", "values": list(zones)}]}]
    return decoded(
        {
            "metadata": {"name": name},
            "provisioner": provisioner,
            "volumeBindingMode": mode,
            "allowedTopologies": terms,
        },
        StorageClass,
    )


def a_csi_node(name: str = "node", drivers: Mapping[str, int | None] | None = None, migrated: str = "") -> CSINode:
    """``drivers``: name -> how many volumes it attaches at most."""
    listed = [
        {"name": driver, "allocatable": {} if count is None else {"count": count}}
        for driver, count in (drivers or {}).items()
    ]
    metadata = {"name": name, "annotations": {MIGRATED_PLUGINS: migrated} if migrated else {}}
    return decoded({"metadata": metadata, "spec": {"drivers": listed}}, CSINode)


def a_csi_driver(name: str = "csi", *, capacity: bool = False, required: bool = False) -> CSIDriver:
    """``capacity``: it tells what is left; ``required``: its volumes need it installed on the node."""
    spec = {"storageCapacity": capacity, "preventPodSchedulingIfMissing": required}
    return decoded({"metadata": {"name": name}, "spec": spec}, CSIDriver)


def a_capacity(
    name: str = "capacity",
    *,
    storage_class: str = "waiting",
    capacity: str | None = "10Gi",
    largest: str | None = None,
    zone: str | None = None,
    nowhere: bool = False,
) -> CSIStorageCapacity:
    """What is left of a class, everywhere or in a zone."""
    topology = {"matchLabels": {"zone": zone}} if zone else {}
    return decoded(
        {
            "metadata": {"name": name, "namespace": "default"},
            "storageClassName": storage_class,
            "nodeTopology": None if nowhere else topology,
            "capacity": capacity,
            "maximumVolumeSize": largest,
        },
        CSIStorageCapacity,
    )


def an_attachment(
    name: str = "attachment", *, node: str = "node", volume: str | None = "volume", attacher: str = "csi"
) -> VolumeAttachment:
    return decoded(
        {
            "metadata": {"name": name},
            "spec": {"attacher": attacher, "nodeName": node, "source": {"persistentVolumeName": volume}},
        },
        VolumeAttachment,
    )


def claiming(*claims: str) -> Object:
    """The part of a pod's spec that uses these claims."""
    return {"volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]}
