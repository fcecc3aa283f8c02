"""The objects of storage, plain: classes, drivers, claims, volumes of every origin, and what nodes know of them.

`volumes` puts them together. A CSIStorageCapacity always names its capacity here: kube-scheduler 1.37.2 crashes on one
that only has a largest volume, when it scores the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.recordings import Object
from tests.oracle.strategies import objects
from tests.oracle.strategies.vocabulary import HOSTNAME, REGION, ZONE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SELECTED_NODE = "volume.kubernetes.io/selected-node"
_BIND_COMPLETED = "pv.kubernetes.io/bind-completed"

CLASSES: dict[str, tuple[str, str]] = {
    "immediate": ("csi.example.com", "Immediate"),
    "waiting": ("csi.example.com", "WaitForFirstConsumer"),
    "other": ("csi.other.io", "WaitForFirstConsumer"),
    "local": ("kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
}
"""Storage classes: provisioner and binding mode."""

DRIVERS = ("csi.example.com", "csi.other.io", "ebs.csi.aws.com", "pd.csi.storage.gke.io")

MIGRATED = ("kubernetes.io/aws-ebs", "kubernetes.io/gce-pd")

TOPOLOGY_LABELS: tuple[dict[str, str], ...] = (
    {ZONE: "za"},
    {ZONE: "zb__zc"},
    {REGION: "r1"},
    {ZONE: "za", REGION: "r2"},
    {"failure-domain.beta.kubernetes.io/zone": "zb"},
    {"failure-domain.beta.kubernetes.io/region": "r1__r2"},
)
"""Where a volume is, as its labels tell it: values may be sets, keys may be old."""


def storage_class(name: str, zones: Sequence[str] | None) -> Object:
    provisioner, mode = CLASSES[name]
    topologies = [{"matchLabelExpressions": [{"key": ZONE, "values": list(zones or ())}]}]
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": mode,
        **({"allowedTopologies": topologies} if zones and mode == "WaitForFirstConsumer" else {}),
    }


def csi_driver(name: str, capacity: bool, required: bool) -> Object:
    spec = {"storageCapacity": capacity, "preventPodSchedulingIfMissing": required}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": name}, "spec": spec}


def csi_node(node: str, drivers: Mapping[str, int | None], migrated: str | None) -> Object:
    """What a node says of its drivers: each with the number of volumes it can attach, if it says so."""
    listed: list[Object] = []
    for name, count in drivers.items():
        driver: Object = {"name": name, "nodeID": node, "topologyKeys": [ZONE]}
        listed.append(driver if count is None else {**driver, "allocatable": {"count": count}})
    metadata: Object = {"name": node}
    if migrated is not None:
        metadata["annotations"] = {"storage.alpha.kubernetes.io/migrated-plugins": migrated}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": metadata,
        "spec": {"drivers": listed},
    }


def capacity(storage_class: str, zone: str | None, amount: str, largest: str | None) -> Object:
    """What is left of a class in a zone, or everywhere."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIStorageCapacity",
        "metadata": {"name": f"{storage_class}-{zone or 'anywhere'}", "namespace": "default"},
        "storageClassName": storage_class,
        "nodeTopology": {"matchLabels": {ZONE: zone}} if zone else {},
        "capacity": amount,
        **({"maximumVolumeSize": largest} if largest else {}),
    }


def claim(name: str, namespace: str, number: int, size: str, access: str) -> Object:
    """A claim that is bound to nothing, of no class."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace, "uid": objects.uid(3000 + number)},
        "spec": {
            "accessModes": [access],
            "resources": {"requests": {"storage": size}},
            "storageClassName": "",
        },
        "status": {"phase": "Pending"},
    }


def bind(claim: Object, volume: str) -> None:
    """Write down that the claim is bound to a volume of that name."""
    claim["metadata"]["annotations"] = {_BIND_COMPLETED: "yes"}
    claim["spec"]["volumeName"] = volume
    claim["status"] = {"phase": "Bound"}


def ephemeral_spec() -> Object:
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "waiting",
    }


def volume(name: str, number: int, size: str, source: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "uid": objects.uid(number)},
        "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], **source},
    }


def on_node(name: str) -> Object:
    return _affinity(HOSTNAME, [name])


def in_zones(zones: Sequence[str]) -> Object:
    return _affinity(ZONE, list(zones))


def _affinity(key: str, values: list[str]) -> Object:
    requirement = {"key": key, "operator": "In", "values": values}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}}


def csi(number: int) -> Object:
    return {"csi": {"driver": "csi.example.com", "volumeHandle": f"handle-{number}"}}


def local(number: int) -> Object:
    return {"local": {"path": f"/mnt/{number}"}}


def _other_csi(number: int) -> Object:
    return {"csi": {"driver": "csi.other.io", "volumeHandle": f"handle-{number}"}}


def _ebs(number: int) -> Object:
    return {"awsElasticBlockStore": {"volumeID": f"vol-{number}"}}


def _gce(number: int) -> Object:
    return {"gcePersistentDisk": {"pdName": f"disk-{number}"}}


def _nfs(number: int) -> Object:
    return {"nfs": {"server": "nfs.example", "path": f"/{number}"}}


SOURCES: tuple[Callable[[int], Object], ...] = (csi, csi, csi, _other_csi, _ebs, _gce, _nfs)
"""What volumes are made of: CSI, NFS, which nobody attaches, and the clouds' old kinds, which are CSI by now."""

_RBD = {"image": "image", "pool": "rbd", "user": "admin"}

INLINE: tuple[Object, ...] = (
    {"gcePersistentDisk": {"pdName": "shared"}},
    {"gcePersistentDisk": {"pdName": "shared", "readOnly": True}},
    {"awsElasticBlockStore": {"volumeID": "vol-shared"}},
    {"iscsi": {"targetPortal": "10.0.0.9:3260", "iqn": "iqn.2026-01.example:a", "lun": 0}},
    {"iscsi": {"targetPortal": "10.0.0.9:3260", "iqn": "iqn.2026-01.example:a", "lun": 1, "readOnly": True}},
    {"rbd": {**_RBD, "monitors": ["10.0.0.1", "10.0.0.2"]}},
    {"rbd": {**_RBD, "monitors": ["10.0.0.2"], "readOnly": True}},
    {"emptyDir": {}},
)
"""Volumes that a pod names itself; disks that two pods may fight over, unless both only read."""


def attachment(node: str, volume: str) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "VolumeAttachment",
        "metadata": {"name": "attachment-0"},
        "spec": {"attacher": "csi.example.com", "nodeName": node, "source": {"persistentVolumeName": volume}},
        "status": {"attached": True},
    }
