"""Brings in what selects pods: the labels of namespaces, and the selectors of services and controllers.

Owns the translation from object changes to cache calls. None of it wakes a waiting pod: as in kube-scheduler, such a
change counts at the next attempt.
"""

from __future__ import annotations

from scheduler.api.meta import ObjectMeta
from scheduler.api.namespace import Namespace
from scheduler.api.workloads import ReplicaSet, ReplicationController, Service, StatefulSet, Workload
from scheduler.cluster.cache import Cache
from scheduler.loops.watching import NamespaceWatch

WORKLOADS: tuple[tuple[str, str, type[Workload]], ...] = (
    ("services", "/api/v1/services", Service),
    ("replicationcontrollers", "/api/v1/replicationcontrollers", ReplicationController),
    ("replicasets", "/apis/apps/v1/replicasets", ReplicaSet),
    ("statefulsets", "/apis/apps/v1/statefulsets", StatefulSet),
)
"""(name, path, kind) of what is watched."""


class NamespaceLabelWatch(NamespaceWatch):
    """The handler of the namespace reflector: what ``NamespaceWatch`` remembers, and labels for the cache."""

    def __init__(self, cache: Cache) -> None:
        super().__init__()
        self._cache = cache
        self._known: set[str] = set()

    def replaced(self, namespaces: list[Namespace]) -> None:
        super().replaced(namespaces)
        for name in self._known - {namespace.name for namespace in namespaces}:
            self._forget(name)
        for namespace in namespaces:
            self._remember(namespace)

    def modified(self, namespace: Namespace) -> None:
        super().modified(namespace)
        self._remember(namespace)

    def deleted(self, namespace: Namespace) -> None:
        super().deleted(namespace)
        self._forget(namespace.name)

    def _remember(self, namespace: Namespace) -> None:
        self._known.add(namespace.name)
        self._cache.add_namespace(namespace)

    def _forget(self, name: str) -> None:
        self._known.discard(name)
        self._cache.remove_namespace(name)


class WorkloadWatch:
    """The handler of the reflector of one kind of services or controllers."""

    def __init__(self, kind: type[Workload], cache: Cache) -> None:
        self._kind = kind
        self._cache = cache
        self._known: set[tuple[str, str]] = set()

    def replaced(self, workloads: list[Workload]) -> None:
        """A fresh list: whatever is not on it is gone."""
        for namespace, name in self._known - {_key(workload) for workload in workloads}:
            self.deleted(self._kind(metadata=ObjectMeta(name=name, namespace=namespace)))
        for workload in workloads:
            self.modified(workload)

    def added(self, workload: Workload) -> None:
        self.modified(workload)

    def modified(self, workload: Workload) -> None:
        self._known.add(_key(workload))
        self._cache.add_workload(workload)

    def deleted(self, workload: Workload) -> None:
        self._known.discard(_key(workload))
        self._cache.remove_workload(workload)


def _key(workload: Workload) -> tuple[str, str]:
    return workload.metadata.namespace, workload.metadata.name
