"""The cache: the one writer of the picture of the cluster. Watches and the scheduling loop report here what happened.

Owns which pod counts on which node, and since when: seen on the watch, or assumed by us (upstream:
``pkg/scheduler/backend/cache/cache.go``)::

               assume                 add_pod: the watch shows it bound
    (unknown) --------> assumed ------------------------------------------> bound
        ^                  |  forget: the binding failed                      |  update_pod: counted anew
        +------------------+                                                  |
        +---------------------------------------------------------------------+  remove_pod, or it has finished

Assumed pods never expire: a binding is confirmed, fails, or the pod is deleted. Order of news between nodes and pods is
not relied upon: a pod that arrives before its node, or outlives it, is counted as soon as the node is there (again).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial

from scheduler.api.meta import ObjectMeta
from scheduler.api.namespace import Namespace
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.storage import StorageObject
from scheduler.api.workloads import Workload
from scheduler.cluster.disruption_budgets import DisruptionBudgets
from scheduler.cluster.importance import Importance, importance
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.nominations import Nominations
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_class import PodClasses
from scheduler.cluster.pod_info import PodInfo, uid_of
from scheduler.cluster.ports import host_ports
from scheduler.cluster.requests import pod_requests
from scheduler.cluster.selection.carried_terms import CarriedTerms
from scheduler.cluster.selection.matchers import Matchers
from scheduler.cluster.selection.namespaces import NamespaceLabels
from scheduler.cluster.selection.workloads import Workloads
from scheduler.cluster.volumes.pod_volumes import pod_volumes

FINISHED = frozenset({"Succeeded", "Failed"})
"""Phases in which a pod takes nothing of its node any more."""


_LET_GO = Pod(metadata=ObjectMeta(name=""))
"""In the place of a pod that was not kept."""


class Cache:
    """Nodes, the pods placed on them, and the objects that select pods.

    No part of it refers back to it: one that was made to compare with goes at once, without a search for circles.
    Whoever evicts nobody may do without ``keeps_pods``: a pod then counts, but its object, some kilobytes, is let go.
    """

    def __init__(self, *, keeps_pods: bool = True) -> None:
        self._keeps_pods = keeps_pods
        self.nodes = NodeTable()
        self.classes = PodClasses()
        self.namespaces = NamespaceLabels()
        self.workloads = Workloads()
        self.matchers = Matchers(self.namespaces)
        self.carried_terms = CarriedTerms(self.namespaces)
        self.nominations = Nominations(self.nodes.row_of)
        self.budgets = DisruptionBudgets()
        self._pods: dict[str, PlacedPod] = {}
        self._on_node: dict[str, dict[str, PlacedPod]] = {}
        self.importance = Importance(self.nodes, partial(_pods_on, self._on_node), self.budgets)
        self._assumed: dict[str, Pod] = {}

    # Nodes

    def add_node(self, node: Node) -> None:
        """A node joined; or news of a known one, which is the same as ``update_node``. Raises InvalidQuantity."""
        if self.nodes.row_of(node.name) is not None:
            self.nodes.put(node)
            return
        row = self.nodes.put(node)
        for placed in self._on_node.get(node.name, {}).values():
            self._place(row, placed)

    def update_node(self, node: Node) -> None:
        """A node changed. Raises InvalidQuantity, and then the node stays as it was."""
        self.add_node(node)

    def remove_node(self, name: str) -> None:
        """A node left. Its pods are remembered, in case it comes back before they are deleted."""
        row = self.nodes.row_of(name)
        if row is None:
            return
        for placed in self._on_node.get(name, {}).values():
            self._displace(row, placed)
        self.nodes.drop(name)

    # Storage

    def put_storage(self, thing: StorageObject) -> None:
        """An object of storage is there, or has changed, before or after the pods and nodes that it is about."""
        self.nodes.volumes.put(thing)

    def drop_storage(self, thing: StorageObject) -> None:
        """An object of storage is gone."""
        self.nodes.volumes.drop(thing)

    # Pods

    def add_pod(self, pod: Pod) -> None:
        """A pod that has a node, seen on the watch; confirms it if it was assumed. Raises InvalidQuantity, ValueError.

        If it was assumed or known on another node, it moves: the watch is right.
        """
        uid = uid_of(pod)
        if pod.status.phase in FINISHED:
            self._take_off(uid)
            return
        if not pod.spec.node_name:
            raise ValueError(f"pod {pod.key} is on no node")
        self._assumed.pop(uid, None)
        self._put(uid, self._read(pod, pod.spec.node_name))

    def update_pod(self, pod: Pod) -> None:
        """A placed pod changed: labels, a resize, or it has finished. Raises as ``add_pod``."""
        self.add_pod(pod)

    def remove_pod(self, pod: Pod) -> None:
        """A pod is gone. Nothing happens if it was not placed."""
        self._take_off(uid_of(pod))

    def assume(self, info: PodInfo, node: str) -> None:
        """Count a pod on a node before the API server knows. Raises ValueError if it is placed already."""
        if info.uid in self._pods:
            raise ValueError(f"pod {info.key} is on node {self._pods[info.uid].node} already")
        pod_class = info.pod_class
        placed = PlacedPod(
            info.pod,
            node,
            pod_class.requests,
            pod_class.ports,
            pod_class.volumes,
            info.shape,
            self.carried_terms.of_class(pod_class),
        )
        self._put(info.uid, placed)
        self._assumed[info.uid] = info.pod

    def forget(self, uid: str) -> None:
        """The binding failed. A pod that is not assumed stays: a late failure undoes no confirmed binding."""
        if uid in self._assumed:
            self._take_off(uid)

    def is_assumed(self, uid: str) -> bool:
        return uid in self._assumed

    def assumed_pods(self) -> dict[str, Pod]:
        """By uid, as they were when assumed. A copy."""
        return dict(self._assumed)

    def node_of(self, uid: str) -> str | None:
        """Where a pod is placed."""
        placed = self._pods.get(uid)
        return None if placed is None else placed.node

    def __len__(self) -> int:
        """How many pods are placed, assumed ones included."""
        return len(self._pods)

    def __iter__(self) -> Iterator[tuple[str, PlacedPod]]:
        """(uid, placed) of every placed pod."""
        return iter(self._pods.items())

    def pods_on(self, node: str) -> Collection[PlacedPod]:
        """The pods that count on a node, in no particular order."""
        return _pods_on(self._on_node, node)

    # What preemption is about

    def nominate(self, pod: Pod, node: str) -> None:
        """A pending pod is to have room on a node, once that is made. Raises InvalidQuantity.

        It has no other nomination any more. Ends with ``withdraw`` of ``nominations``, or when the pod is placed.
        """
        self.nominations.put(uid_of(pod), self._read(pod, node))

    def nominated_node(self, pod: Pod) -> str:
        """To which node a pending pod is nominated, by us or by what its status says; empty if to none."""
        return self.nominations.node_of(uid_of(pod)) or pod.status.nominated_node_name

    # What pods are selected by

    def add_namespace(self, namespace: Namespace) -> None:
        """A namespace is there, or changed."""
        if self.namespaces.put(namespace):
            self.matchers.namespace_changed(namespace.name)

    def remove_namespace(self, name: str) -> None:
        """A namespace is gone."""
        if self.namespaces.drop(name):
            self.matchers.namespace_changed(name)

    def add_workload(self, workload: Workload) -> None:
        """A service or a controller is there, or changed."""
        self.workloads.put(workload)

    def remove_workload(self, workload: Workload) -> None:
        """A service or a controller is gone."""
        self.workloads.drop(workload)

    # Private

    def _place(self, row: int, placed: PlacedPod) -> None:
        self.nodes.place(row, placed.requests, placed.ports)
        self.nodes.volumes.place(row, placed.volumes)
        self.matchers.place(row, placed.shape)
        self.carried_terms.place(row, placed.terms)

    def _displace(self, row: int, placed: PlacedPod) -> None:
        self.nodes.displace(row, placed.requests, placed.ports)
        self.nodes.volumes.displace(row, placed.volumes)
        self.matchers.displace(row, placed.shape)
        self.carried_terms.displace(row, placed.terms)

    def _read(self, pod: Pod, node: str) -> PlacedPod:
        """What the pod would take of a node. Raises InvalidQuantity."""
        return PlacedPod(
            pod,
            node,
            pod_requests(pod),
            host_ports(pod.spec),
            pod_volumes(pod),
            self.classes.shapes.of(pod),
            self.carried_terms.of(pod.spec, pod.metadata.namespace),
        )

    def _put(self, uid: str, placed: PlacedPod) -> None:
        if not self._keeps_pods:
            placed.pod = _LET_GO
        self.nominations.withdraw(uid)
        known = self._pods.get(uid)
        if known is not None:
            if known.counts_like(placed):
                self._replace(known, placed.pod)
                return
            self._uncount(uid, known)
        self._pods[uid] = placed
        self._on_node.setdefault(placed.node, {})[uid] = placed
        row = self.nodes.row_of(placed.node)
        if row is not None:
            self._place(row, placed)

    def _replace(self, known: PlacedPod, pod: Pod) -> None:
        """News of a pod that take nothing more or less of its node."""
        before, known.pod = known.pod, pod
        row = self.nodes.row_of(known.node)
        if row is not None and importance(before) != importance(pod):
            self.importance.touch(row)

    def _take_off(self, uid: str) -> None:
        self._assumed.pop(uid, None)
        placed = self._pods.pop(uid, None)
        if placed is not None:
            self._uncount(uid, placed)

    def _uncount(self, uid: str, placed: PlacedPod) -> None:
        pods = self._on_node[placed.node]
        del pods[uid]
        if not pods:
            del self._on_node[placed.node]
        row = self.nodes.row_of(placed.node)
        if row is not None:
            self._displace(row, placed)


def _pods_on(nodes: Mapping[str, Mapping[str, PlacedPod]], node: str) -> Collection[PlacedPod]:
    return nodes.get(node, {}).values()
