"""The columns that kubectl prints for each kind: a table. How a cell is read from an object is in ``cells``.

A kind without columns of its own gets its name and when it was created, as in the real API server.
"""

from __future__ import annotations

import msgspec

from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.views.ages import UNKNOWN
from scheduler.sandbox.apiserver.views.cells import (
    NONE,
    Cell,
    access_modes,
    age_of,
    at,
    claim_of,
    event_count,
    event_object,
    event_source,
    first_seen,
    kernel,
    labels_of,
    last_seen,
    node_address,
    node_roles,
    node_status,
    number,
    of_containers,
    out_of,
    pod_ip,
    readiness_gates,
    service_ports,
    size,
)
from scheduler.sandbox.apiserver.views.pod_columns import ready, restarts, status


class Column(msgspec.Struct, frozen=True):
    """``wide`` columns are shown by ``-o wide`` only."""

    title: str
    cell: Cell
    wide: bool = False
    kind: str = "string"
    is_name: bool = False


def columns_of(resource: Resource) -> tuple[Column, ...]:
    return _COLUMNS.get(resource.kind, _PLAIN)


_NAME = Column("Name", at("metadata.name"), is_name=True)
_AGE = Column("Age", age_of)
_PLAIN = (_NAME, Column("Created At", at("metadata.creationTimestamp"), kind="date"))
_CONTAINERS = (
    Column("Containers", of_containers("name"), wide=True),
    Column("Images", of_containers("image"), wide=True),
)
_SELECTED = (*_CONTAINERS, Column("Selector", labels_of("spec.selector.matchLabels"), wide=True))

_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        _NAME,
        Column("Ready", ready),
        Column("Status", status),
        Column("Restarts", restarts),
        _AGE,
        Column("IP", pod_ip, wide=True),
        Column("Node", at("spec.nodeName", NONE), wide=True),
        Column("Nominated Node", at("status.nominatedNodeName", NONE), wide=True),
        Column("Readiness Gates", readiness_gates, wide=True),
    ),
    "Node": (
        _NAME,
        Column("Status", node_status),
        Column("Roles", node_roles),
        _AGE,
        Column("Version", at("status.nodeInfo.kubeletVersion")),
        Column("Internal-IP", node_address("InternalIP"), wide=True),
        Column("External-IP", node_address("ExternalIP"), wide=True),
        Column("OS-Image", at("status.nodeInfo.osImage", UNKNOWN), wide=True),
        Column("Kernel-Version", kernel, wide=True),
        Column("Container-Runtime", at("status.nodeInfo.containerRuntimeVersion", UNKNOWN), wide=True),
    ),
    "Event": (
        Column("Last Seen", last_seen),
        Column("Type", at("type")),
        Column("Reason", at("reason")),
        Column("Object", event_object),
        Column("Subobject", at("involvedObject.fieldPath"), wide=True),
        Column("Source", event_source, wide=True),
        Column("Message", lambda event: str(event.get("message", "")).strip()),
        Column("First Seen", first_seen, wide=True),
        Column("Count", event_count, wide=True),
        Column("Name", at("metadata.name"), wide=True, is_name=True),
    ),
    "Namespace": (_NAME, Column("Status", at("status.phase")), _AGE),
    "Secret": (_NAME, Column("Type", at("type")), Column("Data", size("data")), _AGE),
    "ConfigMap": (_NAME, Column("Data", size("data")), _AGE),
    "ServiceAccount": (_NAME, _AGE),
    "Service": (
        _NAME,
        Column("Type", at("spec.type")),
        Column("Cluster-IP", at("spec.clusterIP", NONE)),
        Column("External-IP", lambda _service: NONE),
        Column("Port(s)", service_ports),
        _AGE,
        Column("Selector", labels_of("spec.selector"), wide=True),
    ),
    "Lease": (_NAME, Column("Holder", at("spec.holderIdentity")), _AGE),
    "PriorityClass": (
        _NAME,
        Column("Value", number("value"), kind="integer"),
        Column("Global-Default", lambda document: bool(document.get("globalDefault")), kind="boolean"),
        _AGE,
        Column("PreemptionPolicy", at("preemptionPolicy"), wide=True),
    ),
    "Deployment": (
        _NAME,
        Column("Ready", out_of("status.readyReplicas", "spec.replicas")),
        Column("Up-to-date", number("status.updatedReplicas"), kind="integer"),
        Column("Available", number("status.availableReplicas"), kind="integer"),
        _AGE,
        *_SELECTED,
    ),
    "ReplicaSet": (
        _NAME,
        Column("Desired", number("spec.replicas"), kind="integer"),
        Column("Current", number("status.replicas"), kind="integer"),
        Column("Ready", number("status.readyReplicas"), kind="integer"),
        _AGE,
        *_SELECTED,
    ),
    "ReplicationController": (
        _NAME,
        Column("Desired", number("spec.replicas"), kind="integer"),
        Column("Current", number("status.replicas"), kind="integer"),
        Column("Ready", number("status.readyReplicas"), kind="integer"),
        _AGE,
        *_SELECTED,
    ),
    "StatefulSet": (_NAME, Column("Ready", out_of("status.readyReplicas", "spec.replicas")), _AGE, *_CONTAINERS),
    "DaemonSet": (
        _NAME,
        Column("Desired", number("status.desiredNumberScheduled"), kind="integer"),
        Column("Current", number("status.currentNumberScheduled"), kind="integer"),
        Column("Ready", number("status.numberReady"), kind="integer"),
        Column("Up-to-date", number("status.updatedNumberScheduled"), kind="integer"),
        Column("Available", number("status.numberAvailable"), kind="integer"),
        Column("Node Selector", labels_of("spec.template.spec.nodeSelector")),
        _AGE,
        *_SELECTED,
    ),
    "PodDisruptionBudget": (
        _NAME,
        Column("Min Available", at("spec.minAvailable", "N/A")),
        Column("Max Unavailable", at("spec.maxUnavailable", "N/A")),
        Column("Allowed Disruptions", number("status.disruptionsAllowed"), kind="integer"),
        _AGE,
    ),
    "PersistentVolume": (
        _NAME,
        Column("Capacity", at("spec.capacity.storage")),
        Column("Access Modes", access_modes("spec.accessModes")),
        Column("Reclaim Policy", at("spec.persistentVolumeReclaimPolicy")),
        Column("Status", at("status.phase")),
        Column("Claim", claim_of),
        Column("StorageClass", at("spec.storageClassName")),
        Column("VolumeAttributesClass", at("spec.volumeAttributesClassName", "<unset>")),
        Column("Reason", at("status.reason")),
        _AGE,
        Column("VolumeMode", at("spec.volumeMode"), wide=True),
    ),
    "PersistentVolumeClaim": (
        _NAME,
        Column("Status", at("status.phase")),
        Column("Volume", at("spec.volumeName")),
        Column("Capacity", at("status.capacity.storage")),
        Column("Access Modes", access_modes("status.accessModes")),
        Column("StorageClass", at("spec.storageClassName")),
        Column("VolumeAttributesClass", at("spec.volumeAttributesClassName", "<unset>")),
        _AGE,
        Column("VolumeMode", at("spec.volumeMode"), wide=True),
    ),
    "StorageClass": (
        _NAME,
        Column("Provisioner", at("provisioner")),
        Column("ReclaimPolicy", at("reclaimPolicy")),
        Column("VolumeBindingMode", at("volumeBindingMode")),
        Column("AllowVolumeExpansion", lambda document: bool(document.get("allowVolumeExpansion")), kind="boolean"),
        _AGE,
    ),
    "RoleBinding": (_NAME, Column("Role", lambda b: f"{b['roleRef']['kind']}/{b['roleRef']['name']}"), _AGE),
    "ClusterRoleBinding": (_NAME, Column("Role", lambda b: f"{b['roleRef']['kind']}/{b['roleRef']['name']}"), _AGE),
}
