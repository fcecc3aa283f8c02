"""Defaults and starting status by kind. Pods have a file of their own, ``pod_defaulting``.

A kind that is not named here is stored as it was written.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from scheduler.sandbox.apiserver.documents import Document, dig, items_at
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.rules.pod_defaulting import default_pod, default_pod_spec, initial_status


def apply_defaults(resource: Resource, document: Document) -> None:
    """Complete the document in place; called on every write, so it must not change what is complete."""
    defaults = _DEFAULTS.get(resource.kind)
    if defaults is not None:
        defaults(document)


def status_on_creation(resource: Resource, document: Document) -> None:
    """Replace the status that a creator sent. Nodes keep theirs: a kubelet registers with it."""
    if not resource.status or resource.kind == "Node":
        return
    document.pop("status", None)
    match resource.kind:
        case "Pod":
            document["status"] = initial_status(document)
        case "Namespace":
            document["status"] = {"phase": "Active"}
        case "PersistentVolume" | "PersistentVolumeClaim":
            document["status"] = {"phase": "Pending"}
        case "Service":
            document["status"] = {"loadBalancer": {}}
        case _:
            document["status"] = {}


def _default_node(node: Document) -> None:
    status = node.setdefault("status", {})
    node.setdefault("spec", {})
    if status.get("capacity") and "allocatable" not in status:
        status["allocatable"] = dict(status["capacity"])


def _default_namespace(namespace: Document) -> None:
    metadata = namespace["metadata"]
    metadata["labels"] = (metadata.get("labels") or {}) | {"kubernetes.io/metadata.name": metadata["name"]}
    namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _default_secret(secret: Document) -> None:
    secret.setdefault("type", "Opaque")
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(str(text).encode()).decode()


def _default_service(service: Document) -> None:
    spec = service.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in items_at(spec, "ports"):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def _default_volume_claim(claim: Document) -> None:
    claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def _default_volume(volume: Document) -> None:
    spec = volume.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")


def _default_storage_class(storage_class: Document) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")


def _default_priority_class(priority_class: Document) -> None:
    priority_class.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _default_workload(workload: Document) -> None:
    spec = workload.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    _default_daemon_set(workload)


def _default_replication_controller(controller: Document) -> None:
    _default_workload(controller)
    labels = dig(controller, "spec", "template", "metadata", "labels")
    if isinstance(labels, dict) and not controller["spec"].get("selector"):
        controller["spec"]["selector"] = dict(labels)


def _default_daemon_set(workload: Document) -> None:
    if isinstance(template := dig(workload, "spec", "template", "spec"), dict):
        default_pod_spec(template)


_DEFAULTS: dict[str, Callable[[Document], None]] = {
    "Pod": default_pod,
    "Node": _default_node,
    "Namespace": _default_namespace,
    "Secret": _default_secret,
    "Service": _default_service,
    "PersistentVolumeClaim": _default_volume_claim,
    "PersistentVolume": _default_volume,
    "StorageClass": _default_storage_class,
    "PriorityClass": _default_priority_class,
    "Deployment": _default_workload,
    "ReplicaSet": _default_workload,
    "ReplicationController": _default_replication_controller,
    "StatefulSet": _default_workload,
    "DaemonSet": _default_daemon_set,
}
