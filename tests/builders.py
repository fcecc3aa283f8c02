"""Small builders of API objects: a test says what matters to it, and gets a whole object.

Everything is given in the API's own spelling and decoded as from an API server. ``spec`` and ``status`` are merged over
what the other arguments make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from scheduler.api.node import Node
from scheduler.api.pod import Pod

Object = dict[str, Any]
T = TypeVar("T")


def a_node(
    name: str = "node",
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    allocatable: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Object] = (),
    unschedulable: bool = False,
    images: Mapping[str, int] | None = None,
    os: str = "linux",
    architecture: str = "amd64",
    runtime: str = "containerd://2.2.0",
    kernel: str = "6.12.0",
    features: Sequence[str] = (),
) -> Node:
    """A node. ``allocatable`` comes on top of cpu, memory and pods; ``images``: name -> size in bytes."""
    return decoded(
        {
            "metadata": {"name": name, "labels": dict(labels or {})},
            "spec": {"taints": list(taints), "unschedulable": unschedulable},
            "status": {
                "allocatable": {"cpu": cpu, "memory": memory, "pods": pods, **(allocatable or {})},
                "images": [{"names": [image], "sizeBytes": size} for image, size in (images or {}).items()],
                "declaredFeatures": list(features),
                "nodeInfo": {
                    "operatingSystem": os,
                    "architecture": architecture,
                    "containerRuntimeVersion": runtime,
                    "kernelVersion": kernel,
                },
            },
        },
        Node,
    )


def a_pod(
    name: str = "pod",
    *,
    namespace: str = "default",
    on: str = "",
    requests: Mapping[str, str] | None = None,
    image: str = "registry.example/app:1",
    ports: Sequence[Object] = (),
    containers: Sequence[Object] | None = None,
    labels: Mapping[str, str] | None = None,
    selector: Mapping[str, str] | None = None,
    node_affinity: Object | None = None,
    tolerations: Sequence[Object] = (),
    spec: Object | None = None,
    status: Object | None = None,
) -> Pod:
    """A pod with one container, or with ``containers``. ``on``: the node it is bound to. Its uid is ``uid-<name>``."""
    main = {"name": "main", "image": image, "resources": {"requests": dict(requests or {})}, "ports": list(ports)}
    return decoded(
        {
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": dict(labels or {})},
            "spec": {
                "containers": [main] if containers is None else list(containers),
                "nodeName": on,
                "nodeSelector": dict(selector or {}),
                "tolerations": list(tolerations),
                **({"affinity": {"nodeAffinity": node_affinity}} if node_affinity else {}),
                **(spec or {}),
            },
            "status": status or {},
        },
        Pod,
    )


def a_container(
    name: str = "main",
    requests: Mapping[str, str] | None = None,
    *,
    sidecar: bool = False,
    image: str = "registry.example/app:1",
    ports: Sequence[Object] = (),
) -> Object:
    """A container of a pod spec; ``sidecar`` makes sense among init containers."""
    return {
        "name": name,
        "image": image,
        "resources": {"requests": dict(requests or {})},
        "ports": list(ports),
        **({"restartPolicy": "Always"} if sidecar else {}),
    }


def a_taint(key: str, value: str = "", effect: str = "NoSchedule") -> Object:
    return {"key": key, "value": value, "effect": effect}


def required(*terms: Object) -> Object:
    """Node affinity that asks for one of the terms."""
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}


def preferred(*terms: tuple[int, Object]) -> Object:
    """Node affinity that would rather have these terms, each with its weight."""
    return {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": weight, "preference": preference} for weight, preference in terms
        ]
    }


def expressions(*requirements: tuple[str, str, list[str]]) -> Object:
    """A node selector term of (key, operator, values)."""
    return {"matchExpressions": [{"key": key, "operator": op, "values": values} for key, op, values in requirements]}


def fields(*requirements: tuple[str, str, list[str]]) -> Object:
    """A node selector term on fields, of (key, operator, values)."""
    return {"matchFields": [{"key": key, "operator": op, "values": values} for key, op, values in requirements]}


def matching(**labels: str) -> Object:
    """A label selector."""
    return {"matchLabels": labels}


def a_constraint(key: str, selector: Object | None = None, *, soft: bool = False, skew: int = 1, **more: Any) -> Object:
    """A topology spread constraint. ``more`` in the API's spelling."""
    return {
        "topologyKey": key,
        "maxSkew": skew,
        "whenUnsatisfiable": "ScheduleAnyway" if soft else "DoNotSchedule",
        **({} if selector is None else {"labelSelector": selector}),
        **more,
    }


def spread(*constraints: Object) -> Object:
    """A pod's spec with these constraints."""
    return {"topologySpreadConstraints": list(constraints)}


def a_pod_term(key: str, selector: Object | None, **more: Any) -> Object:
    """A term of pod (anti-)affinity. ``more`` in the API's spelling."""
    return {"topologyKey": key, **({} if selector is None else {"labelSelector": selector}), **more}


def near(*terms: Object, wishes: Sequence[tuple[int, Object]] = ()) -> Object:
    """A pod's spec with pod affinity to these; ``wishes`` are preferred, each with its weight."""
    return {"affinity": {"podAffinity": _pod_affinity(terms, wishes)}}


def away(*terms: Object, wishes: Sequence[tuple[int, Object]] = ()) -> Object:
    """A pod's spec with pod anti-affinity against these."""
    return {"affinity": {"podAntiAffinity": _pod_affinity(terms, wishes)}}


def _pod_affinity(terms: Sequence[Object], wishes: Sequence[tuple[int, Object]]) -> Object:
    return {
        "requiredDuringSchedulingIgnoredDuringExecution": list(terms),
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": weight, "podAffinityTerm": term} for weight, term in wishes
        ],
    }


def decoded(document: Object, kind: type[T]) -> T:
    return msgspec.json.decode(msgspec.json.encode(document), type=kind)
