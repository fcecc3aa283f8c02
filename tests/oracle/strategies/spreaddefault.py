"""The constraints that every pod of a service or a controller gets, and pods that belong to one, several or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies import objects
from tests.oracle.strategies.family import Cluster, Family
from tests.oracle.strategies.parts import merged
from tests.oracle.strategies.vocabulary import NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Sequence

_SELECTORS: tuple[dict[str, str], ...] = (
    {"app": "web"},
    {"app": "web", "version": "v1"},
    {"app": "db"},
    {"track": "canary"},
    {},
)

_CONTROLLERS = {"ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "ReplicationController": "v1"}


def _service(name: str, namespace: str, selector: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clusterIP": "None",
            "clusterIPs": ["None"],
            "ports": [{"name": "http", "port": 80}],
            **({"selector": selector} if selector else {}),
        },
    }


def _controller(kind: str, namespace: str, labels: dict[str, str], keys: Sequence[str]) -> Object:
    chosen = {key: labels[key] for key in keys}
    containers = [{"name": "main", "image": "busybox:1"}]
    spec: Object = {
        "replicas": 3,
        "selector": chosen if kind == "ReplicationController" else {"matchLabels": chosen},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = "service-0"
    metadata = {"name": f"{kind.lower()}-0", "namespace": namespace, "uid": objects.uid(2000)}
    return {"apiVersion": _CONTROLLERS[kind], "kind": kind, "metadata": metadata, "spec": spec}


def _owned_by(controller: Object) -> Object:
    owner = {"apiVersion": controller["apiVersion"], "kind": controller["kind"], "controller": True}
    owner |= {key: controller["metadata"][key] for key in ("name", "uid")}
    return {"metadata": {"ownerReferences": [owner]}}


def complete(draw: st.DrawFn, cluster: Cluster) -> None:
    """Add services, and a controller that owns the pending pod; it may be gone already."""
    for number in range(draw(st.integers(0, 2))):
        namespace = draw(st.sampled_from(sorted({cluster.pending["metadata"]["namespace"], *NAMESPACES})))
        cluster.others.append(_service(f"service-{number}", namespace, draw(st.sampled_from(_SELECTORS))))
    labels = cluster.pending["metadata"].get("labels", {})
    kind = draw(st.sampled_from([None, *_CONTROLLERS]))
    if kind is None or not labels:
        return
    keys = draw(st.lists(st.sampled_from(sorted(labels)), min_size=1, unique=True))
    controller = _controller(kind, cluster.pending["metadata"]["namespace"], labels, keys)
    cluster.pending = merged(cluster.pending, _owned_by(controller))
    if draw(st.integers(0, 5)):
        cluster.others.append(controller)


FAMILY = Family(
    "spreaddefault",
    placed=st.builds(merged, objects.CROWD, st.sampled_from([{}] * 7 + [objects.terminating()])),
    pending=objects.CROWD,
    complete=complete,
    most_nodes=7,
    most_placed=12,
)
