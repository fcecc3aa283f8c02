"""Is an object fit to be stored? Metadata for every kind; the rest by kind, where a scheduler's user can get it wrong.

Types and unknown fields were checked before, against ``schema``. Pods, nodes and events have their rules in
``pod_validation``, ``node_validation`` and ``event_validation``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from scheduler.sandbox.apiserver.causes import check_format, forbidden_value, immutable, invalid_value, required
from scheduler.sandbox.apiserver.documents import Document, decode
from scheduler.sandbox.apiserver.names import (
    Format,
    dns_label,
    dns_subdomain,
    label_value,
    path_segment,
    qualified_name,
)
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.rules.event_validation import event_causes, event_update_causes
from scheduler.sandbox.apiserver.rules.node_validation import node_causes
from scheduler.sandbox.apiserver.rules.pod_validation import pod_causes, pod_status_causes, pod_update_causes
from scheduler.sandbox.apiserver.statuses import Cause, invalid

_ANNOTATIONS_BYTES = 256 * 1024
_NAME_FORMATS: dict[str, Format] = {
    "Namespace": dns_label,
    "Service": dns_label,
    "Role": path_segment,
    "RoleBinding": path_segment,
    "ClusterRole": path_segment,
    "ClusterRoleBinding": path_segment,
}
_DOCKER_CONFIG_KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


def check_new(resource: Resource, document: Document) -> None:
    """Raises StatusError (422) that lists every fault."""
    _raise_if_any(resource, document, [*_metadata_causes(resource, document["metadata"]), *_causes(resource, document)])


def check_update(resource: Resource, document: Document, before: Document) -> None:
    """Raises StatusError (422) that lists every fault of the new state or of the step to it."""
    causes = [
        *_metadata_causes(resource, document["metadata"]),
        *_metadata_update_causes(document["metadata"], before["metadata"]),
        *_causes(resource, document),
        *_update_causes(resource, document, before),
    ]
    _raise_if_any(resource, document, causes)


def check_status_update(resource: Resource, document: Document, before: Document) -> None:
    """Raises StatusError (422), as ``check_update`` does, for a write to the status subresource."""
    causes = [
        *_metadata_causes(resource, document["metadata"]),
        *_metadata_update_causes(document["metadata"], before["metadata"]),
    ]
    if resource.kind == "Pod":
        causes += pod_status_causes(document, before)
    _raise_if_any(resource, document, causes)


def _raise_if_any(resource: Resource, document: Document, causes: list[Cause]) -> None:
    if causes:
        raise invalid(resource, document["metadata"].get("name", ""), causes)


def _causes(resource: Resource, document: Document) -> Iterator[Cause]:
    match resource.kind:
        case "Pod":
            yield from pod_causes(document)
        case "Node":
            yield from node_causes(document)
        case "Event":
            yield from event_causes(resource, document)
        case "Secret":
            yield from _secret_causes(document)
        case "PriorityClass":
            yield from _priority_class_causes(document)


def _update_causes(resource: Resource, document: Document, before: Document) -> Iterator[Cause]:
    match resource.kind:
        case "Pod":
            yield from pod_update_causes(document, before)
        case "Event":
            yield from event_update_causes(resource, document, before)
        case "Secret":
            if document.get("type") != before.get("type"):
                yield immutable("type", document.get("type"))
        case "PriorityClass":
            if document.get("value") != before.get("value"):
                yield forbidden_value("value", "may not be changed in an update")
            if document.get("preemptionPolicy") != before.get("preemptionPolicy"):
                yield immutable("preemptionPolicy", document.get("preemptionPolicy"))


def _metadata_causes(resource: Resource, metadata: Document) -> Iterator[Cause]:
    if not metadata.get("name"):
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from check_format("metadata.name", metadata["name"], _NAME_FORMATS.get(resource.kind, dns_subdomain))
    for key, value in (metadata.get("labels") or {}).items():
        yield from check_format("metadata.labels", key, qualified_name)
        yield from check_format("metadata.labels", value, label_value)
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        yield from check_format("metadata.annotations", key.lower(), qualified_name)
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATIONS_BYTES:
        yield Cause(
            "metadata.annotations", "FieldValueTooLong", f"Too long: may not be more than {_ANNOTATIONS_BYTES} bytes"
        )


def _metadata_update_causes(metadata: Document, before: Document) -> Iterator[Cause]:
    for field in ("name", "namespace", "uid", "creationTimestamp"):
        if metadata.get(field) != before.get(field):
            yield immutable(f"metadata.{field}", metadata.get(field))


def _secret_causes(secret: Document) -> Iterator[Cause]:
    data = secret.get("data") or {}
    key = _DOCKER_CONFIG_KEYS.get(secret.get("type", ""))
    if key is None:
        return
    if key not in data:
        yield required(f"data[{key}]")
        return
    try:
        decode(base64.b64decode(data[key], validate=True))
    except (binascii.Error, ValueError):
        yield invalid_value(f"data[{key}]", "<secret contents redacted>", "must be valid JSON")


def _priority_class_causes(priority_class: Document) -> Iterator[Cause]:
    name, value = priority_class["metadata"].get("name", ""), priority_class.get("value", 0)
    if value > 1_000_000_000 and not name.startswith("system-"):
        yield forbidden_value("value", "maximum allowed value of a user defined priority is 1000000000")
