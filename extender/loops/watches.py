"""Which kinds the extender watches, and with which handler: as few as its mode needs.

Owns the list. To filter, nodes, pending pods and namespaces are enough; to narrow, placed pods too; to decide by the
whole core (delegated), also what selects pods and the storage that they want.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extender.loops.watching import PENDING, UNFINISHED, NamespaceWatch, NodeWatch, PodWatch
from scheduler.api.namespace import Namespace
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.kube.reflector import Reflector
from scheduler.kube.requests import ApiClient
from scheduler.loops.watching import EventSink
from scheduler.loops.watching_selection import WORKLOADS, WorkloadWatch
from scheduler.loops.watching_storage import storage_watches
from scheduler.queue.events import EventKind, Subject

Watches = dict[str, Reflector[Any]]
"""By the name of the resource."""


class NobodyWaits(EventSink):
    """Waiting pods are in kube-scheduler's queue, which has watches of its own."""

    def __init__(self) -> None:
        """Needs nothing."""

    def happened(self, kind: EventKind, old: Subject | None, new: Subject | None, *, up_to: int | None = None) -> None:
        """Nobody is told."""


def base_watches(
    client: ApiClient,
    nodes: NodeWatch,
    pods: PodWatch,
    namespaces: NamespaceWatch,
    on_problem: Callable[[str], None],
    *,
    counts_pods: bool,
) -> Watches:
    """What every mode watches. ``counts_pods``: pods that have a node as well."""
    selector = UNFINISHED if counts_pods else PENDING
    return {
        "namespaces": Reflector(client, "/api/v1/namespaces", Namespace, namespaces, on_problem=on_problem),
        "nodes": Reflector(client, "/api/v1/nodes", Node, nodes, on_problem=on_problem, on_page=nodes.listed),
        "pods": Reflector(
            client, "/api/v1/pods", Pod, pods, field_selector=selector, on_problem=on_problem, on_page=pods.listed
        ),
    }


def delegated_watches(client: ApiClient, cache: Cache, on_problem: Callable[[str], None]) -> Watches:
    """What the whole core needs besides."""
    workloads: Watches = {
        name: Reflector(client, path, kind, WorkloadWatch(kind, cache), on_problem=on_problem)
        for name, path, kind in WORKLOADS
    }
    return workloads | storage_watches(client, cache, NobodyWaits(), on_problem)
