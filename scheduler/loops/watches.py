"""All watches of the cluster that fill one cache: the paths, and which handler takes what comes from each.

Owns the list. What a handler does with an object is in ``watching`` and its siblings; starting and ending the watches
is up to who asked for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scheduler.api.namespace import Namespace
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.policy import PodDisruptionBudget
from scheduler.api.storage import PersistentVolumeClaim
from scheduler.cluster.cache import Cache
from scheduler.kube.reflector import Reflector
from scheduler.kube.requests import ApiClient
from scheduler.loops.watching import UNFINISHED, EventSink, NodeWatch, PodWatch
from scheduler.loops.watching_budgets import BudgetWatch
from scheduler.loops.watching_selection import WORKLOADS, NamespaceLabelWatch, WorkloadWatch
from scheduler.loops.watching_storage import storage_watches


def cluster_watches(
    client: ApiClient,
    cache: Cache,
    events: EventSink,
    namespaces: NamespaceLabelWatch,
    pods: PodWatch,
    on_problem: Callable[[str], None],
    claim_changed: Callable[[PersistentVolumeClaim], None] = lambda claim: None,
) -> dict[str, Reflector[Any]]:
    """A reflector for each kind, by the name of the resource."""
    budgets = "/apis/policy/v1/poddisruptionbudgets"
    nodes = NodeWatch(cache, events)
    watches: dict[str, Reflector[Any]] = {
        "namespaces": Reflector(client, "/api/v1/namespaces", Namespace, namespaces, on_problem=on_problem),
        "nodes": Reflector(client, "/api/v1/nodes", Node, nodes, on_problem=on_problem, on_page=nodes.listed),
        "pods": Reflector(
            client,
            "/api/v1/pods",
            Pod,
            pods,
            field_selector=UNFINISHED,
            on_problem=on_problem,
            on_page=pods.listed,
        ),
        "poddisruptionbudgets": Reflector(
            client, budgets, PodDisruptionBudget, BudgetWatch(cache), on_problem=on_problem
        ),
    }
    for name, path, kind in WORKLOADS:
        watches[name] = Reflector(client, path, kind, WorkloadWatch(kind, cache), on_problem=on_problem)
    return watches | storage_watches(client, cache, events, on_problem, claim_changed=claim_changed)
