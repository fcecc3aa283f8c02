"""The columns that kubectl prints for each kind, and how a cell is read from an object (``pkg/printers``).

A kind without columns of its own gets its name and when it was created, as in the real API server.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from scheduler.sandbox.apiserver.documents import Document, dig, items_at
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.views.ages import UNKNOWN, age
from scheduler.sandbox.apiserver.views.pod_columns import ready, restarts, status

Cell = Callable[[Document], str | int | bool]
_NONE = "<none>"
_ROLE_PREFIX = "node-role.kubernetes.io/"


class Column(msgspec.Struct, frozen=True):
    """``wide`` columns are shown by ``-o wide`` only."""

    title: str
    cell: Cell
    wide: bool = False
    kind: str = "string"
    is_name: bool = False


def columns_of(resource: Resource) -> tuple[Column, ...]:
    return _COLUMNS.get(resource.kind, _PLAIN)


def _at(path: str, absent: str = "") -> Cell:
    keys = path.split(".")

    def cell(document: Document) -> str:
        value = dig(document, *keys)
        return absent if value in (None, "") else str(value)

    return cell


def _number(path: str) -> Cell:
    keys = path.split(".")
    return lambda document: int(dig(document, *keys) or 0)


def _size(path: str) -> Cell:
    return lambda document: str(len(dig(document, *path.split(".")) or ()))


def _age_of(document: Document) -> str:
    return age(document["metadata"].get("creationTimestamp"))


def _out_of(done: str, wanted: str) -> Cell:
    return lambda document: f"{_number(done)(document)}/{_number(wanted)(document)}"


def _template(field: str) -> Cell:
    def cell(document: Document) -> str:
        return ",".join(
            str(item.get(field, "")) for item in items_at(document, "spec", "template", "spec", "containers")
        )

    return cell


def _selector(path: str) -> Cell:
    keys = path.split(".")

    def cell(document: Document) -> str:
        labels = dig(document, *keys)
        return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or _NONE

    return cell


def _pod_ip(pod: Document) -> str:
    return next((entry["ip"] for entry in items_at(pod, "status", "podIPs")), _NONE)


def _readiness_gates(pod: Document) -> str:
    gates = [gate["conditionType"] for gate in items_at(pod, "spec", "readinessGates")]
    true = {c["type"] for c in items_at(pod, "status", "conditions") if c.get("status") == "True"}
    return f"{sum(gate in true for gate in gates)}/{len(gates)}" if gates else _NONE


def _node_status(node: Document) -> str:
    states = {c["type"]: c.get("status") for c in items_at(node, "status", "conditions")}
    words = ["Unknown" if "Ready" not in states else "Ready" if states["Ready"] == "True" else "NotReady"]
    return ",".join(words + (["SchedulingDisabled"] if dig(node, "spec", "unschedulable") else []))


def _node_roles(node: Document) -> str:
    labels = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    return ",".join(sorted(roles - {""})) or _NONE


def _node_address(kind: str) -> Cell:
    def cell(node: Document) -> str:
        return next((a["address"] for a in items_at(node, "status", "addresses") if a.get("type") == kind), _NONE)

    return cell


def _kernel(node: Document) -> str:
    info = dig(node, "status", "nodeInfo") or {}
    architecture = info.get("architecture")
    return (info.get("kernelVersion") or UNKNOWN) + (f" ({architecture})" if architecture else "")


def _first_seen(event: Document) -> str:
    return age(event.get("firstTimestamp") or event.get("eventTime"))


def _last_seen(event: Document) -> str:
    last = dig(event, "series", "lastObservedTime") or event.get("lastTimestamp")
    return age(last) if last else _first_seen(event)


def _event_object(event: Document) -> str:
    involved = event.get("involvedObject") or {}
    kind, name = str(involved.get("kind", "")).lower(), involved.get("name")
    return f"{kind}/{name}" if name else kind


def _event_source(event: Document) -> str:
    component = dig(event, "source", "component") or event.get("reportingComponent") or ""
    instance = dig(event, "source", "host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _event_count(event: Document) -> int:
    return int(dig(event, "series", "count") or event.get("count") or 1)


def _service_ports(service: Document) -> str:
    return (
        ",".join(f"{port.get('port')}/{port.get('protocol')}" for port in items_at(service, "spec", "ports")) or _NONE
    )


def _claim(volume: Document) -> str:
    claim = dig(volume, "spec", "claimRef") or {}
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _access_modes(path: str) -> Cell:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return lambda document: ",".join(short.get(mode, mode) for mode in dig(document, *path.split(".")) or ())


_NAME = Column("Name", _at("metadata.name"), is_name=True)
_AGE = Column("Age", _age_of)
_PLAIN = (_NAME, Column("Created At", _at("metadata.creationTimestamp"), kind="date"))
_CONTAINERS = (Column("Containers", _template("name"), wide=True), Column("Images", _template("image"), wide=True))
_SELECTED = (*_CONTAINERS, Column("Selector", _selector("spec.selector.matchLabels"), wide=True))

_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        _NAME,
        Column("Ready", ready),
        Column("Status", status),
        Column("Restarts", restarts),
        _AGE,
        Column("IP", _pod_ip, wide=True),
        Column("Node", _at("spec.nodeName", _NONE), wide=True),
        Column("Nominated Node", _at("status.nominatedNodeName", _NONE), wide=True),
        Column("Readiness Gates", _readiness_gates, wide=True),
    ),
    "Node": (
        _NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        _AGE,
        Column("Version", _at("status.nodeInfo.kubeletVersion")),
        Column("Internal-IP", _node_address("InternalIP"), wide=True),
        Column("External-IP", _node_address("ExternalIP"), wide=True),
        Column("OS-Image", _at("status.nodeInfo.osImage", UNKNOWN), wide=True),
        Column("Kernel-Version", _kernel, wide=True),
        Column("Container-Runtime", _at("status.nodeInfo.containerRuntimeVersion", UNKNOWN), wide=True),
    ),
    "Event": (
        Column("Last Seen", _last_seen),
        Column("Type", _at("type")),
        Column("Reason", _at("reason")),
        Column("Object", _event_object),
        Column("Subobject", _at("involvedObject.fieldPath"), wide=True),
        Column("Source", _event_source, wide=True),
        Column("Message", lambda event: str(event.get("message", "")).strip()),
        Column("First Seen", _first_seen, wide=True),
        Column("Count", _event_count, wide=True),
        Column("Name", _at("metadata.name"), wide=True, is_name=True),
    ),
    "Namespace": (_NAME, Column("Status", _at("status.phase")), _AGE),
    "Secret": (_NAME, Column("Type", _at("type")), Column("Data", _size("data")), _AGE),
    "ConfigMap": (_NAME, Column("Data", _size("data")), _AGE),
    "ServiceAccount": (_NAME, _AGE),
    "Service": (
        _NAME,
        Column("Type", _at("spec.type")),
        Column("Cluster-IP", _at("spec.clusterIP", _NONE)),
        Column("External-IP", lambda _service: _NONE),
        Column("Port(s)", _service_ports),
        _AGE,
        Column("Selector", _selector("spec.selector"), wide=True),
    ),
    "Lease": (_NAME, Column("Holder", _at("spec.holderIdentity")), _AGE),
    "PriorityClass": (
        _NAME,
        Column("Value", _number("value"), kind="integer"),
        Column("Global-Default", lambda document: bool(document.get("globalDefault")), kind="boolean"),
        _AGE,
        Column("PreemptionPolicy", _at("preemptionPolicy"), wide=True),
    ),
    "Deployment": (
        _NAME,
        Column("Ready", _out_of("status.readyReplicas", "spec.replicas")),
        Column("Up-to-date", _number("status.updatedReplicas"), kind="integer"),
        Column("Available", _number("status.availableReplicas"), kind="integer"),
        _AGE,
        *_SELECTED,
    ),
    "ReplicaSet": (
        _NAME,
        Column("Desired", _number("spec.replicas"), kind="integer"),
        Column("Current", _number("status.replicas"), kind="integer"),
        Column("Ready", _number("status.readyReplicas"), kind="integer"),
        _AGE,
        *_SELECTED,
    ),
    "StatefulSet": (_NAME, Column("Ready", _out_of("status.readyReplicas", "spec.replicas")), _AGE, *_CONTAINERS),
    "DaemonSet": (
        _NAME,
        Column("Desired", _number("status.desiredNumberScheduled"), kind="integer"),
        Column("Current", _number("status.currentNumberScheduled"), kind="integer"),
        Column("Ready", _number("status.numberReady"), kind="integer"),
        Column("Up-to-date", _number("status.updatedNumberScheduled"), kind="integer"),
        Column("Available", _number("status.numberAvailable"), kind="integer"),
        Column("Node Selector", _selector("spec.template.spec.nodeSelector")),
        _AGE,
        *_SELECTED,
    ),
    "PodDisruptionBudget": (
        _NAME,
        Column("Min Available", _at("spec.minAvailable", "N/A")),
        Column("Max Unavailable", _at("spec.maxUnavailable", "N/A")),
        Column("Allowed Disruptions", _number("status.disruptionsAllowed"), kind="integer"),
        _AGE,
    ),
    "PersistentVolume": (
        _NAME,
        Column("Capacity", _at("spec.capacity.storage")),
        Column("Access Modes", _access_modes("spec.accessModes")),
        Column("Reclaim Policy", _at("spec.persistentVolumeReclaimPolicy")),
        Column("Status", _at("status.phase")),
        Column("Claim", _claim),
        Column("StorageClass", _at("spec.storageClassName")),
        Column("VolumeAttributesClass", _at("spec.volumeAttributesClassName", "<unset>")),
        Column("Reason", _at("status.reason")),
        _AGE,
        Column("VolumeMode", _at("spec.volumeMode"), wide=True),
    ),
    "PersistentVolumeClaim": (
        _NAME,
        Column("Status", _at("status.phase")),
        Column("Volume", _at("spec.volumeName")),
        Column("Capacity", _at("status.capacity.storage")),
        Column("Access Modes", _access_modes("status.accessModes")),
        Column("StorageClass", _at("spec.storageClassName")),
        Column("VolumeAttributesClass", _at("spec.volumeAttributesClassName", "<unset>")),
        _AGE,
        Column("VolumeMode", _at("spec.volumeMode"), wide=True),
    ),
    "StorageClass": (
        _NAME,
        Column("Provisioner", _at("provisioner")),
        Column("ReclaimPolicy", _at("reclaimPolicy")),
        Column("VolumeBindingMode", _at("volumeBindingMode")),
        Column("AllowVolumeExpansion", lambda document: bool(document.get("allowVolumeExpansion")), kind="boolean"),
        _AGE,
    ),
    "RoleBinding": (_NAME, Column("Role", lambda b: f"{b['roleRef']['kind']}/{b['roleRef']['name']}"), _AGE),
    "ClusterRoleBinding": (_NAME, Column("Role", lambda b: f"{b['roleRef']['kind']}/{b['roleRef']['name']}"), _AGE),
}
