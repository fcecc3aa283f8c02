"""Small objects to send to an API server."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]


def a_container(name: str = "main", image: str = "ghcr.io/acme/app:1", **fields: Any) -> Manifest:
    return {"name": name, "image": image, **fields}


def a_pod(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Manifest:
    spec.setdefault("containers", [a_container()])
    metadata = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def a_node(name: str, **spec: Any) -> Manifest:
    status = {"capacity": {"cpu": 4, "memory": "16384Mi", "pods": 110}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec, "status": status}


def a_binding(pod: str, node: str = "node-1", **metadata: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod, **metadata},
        "target": {"kind": "Node", "name": node},
    }


def an_event(name: str, namespace: str, **fields: Any) -> Manifest:
    """As a scheduler writes it, to ``events.k8s.io/v1``. A field that is None is left out."""
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "eventTime": "2026-01-02T03:04:05.123456Z",
        "reportingController": "multiarch-scheduler",
        "reportingInstance": "multiarch-scheduler-0",
        "action": "Scheduling",
        "reason": "FailedScheduling",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "a", "uid": "1"},
        "note": "0/3 nodes are available",
        "type": "Warning",
    }
    return {field: value for field, value in (event | fields).items() if value is not None}
