"""Brings nodes and pods in: what the reflectors see goes into the cache, the queue, and as events to waiting pods.

Owns the translation from object changes to cache calls and cluster events, nothing else: the reflectors (``kube``) own
the protocol, the cache and the queue own their state, and who waits for an image is told to ``resolving``.

A pod that is bound counts on its node whoever scheduled it. A pod that is not bound and names our scheduler is pending.
Any other pod is none of our business. A finished pod does not come here: the watch's field selector turns its end into
a deletion, as in kube-scheduler (``pkg/scheduler/scheduler.go``: NewInformerFactory).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import structlog

from scheduler.api.namespace import Namespace
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.cache import Cache
from scheduler.images.node_platform import disagreement
from scheduler.loops.alike import Alike
from scheduler.loops.clock import WakeUp, now
from scheduler.queue.events import ClusterEvent, EventKind, Subject
from scheduler.queue.queued_pod import Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
"""Field selector of the pods that matter to a scheduler."""


class EventSink:
    """Hands cluster events to the waiting pods and wakes the scheduling loop when one of them moved."""

    def __init__(self, queue: SchedulingQueue, work: WakeUp, metrics: Metrics) -> None:
        self._queue = queue
        self._work = work
        self._metrics = metrics

    def happened(self, kind: EventKind, old: Subject | None, new: Subject | None, *, up_to: int | None = None) -> None:
        """``up_to``: as ``SchedulingQueue.on_event``."""
        moved = self._queue.on_event(ClusterEvent(kind, old, new), now(), up_to=up_to)
        if moved:
            self._metrics.incoming("active", kind, moved)
            self._work.set()

    def withdrawn(self, pod: Pod) -> None:
        """A pod is nominated no more. To pods above it that is no news: they left it no room (upstream likewise)."""
        self.happened(EventKind.ASSIGNED_POD_DELETE, pod, None, up_to=pod.priority)


class NodeWatch:
    """The handler of the node reflector, whose pages go to ``listed``."""

    def __init__(self, cache: Cache, events: EventSink) -> None:
        self._cache = cache
        self._events = events
        self._listed: set[str] = set()
        self._held: dict[str, int] = {}
        """By name of each node, a hash of the images that it holds: the lists themselves are long, and the cache's."""

    def listed(self, nodes: list[Node], first: bool) -> list[Node]:
        """A page of a fresh list, taken as it comes: whole nodes are large, and what is kept of them is small."""
        if first:
            self._listed.clear()
        for node in nodes:
            self._listed.add(node.name)
            self.modified(node)
        return []

    def replaced(self, nodes: list[Node]) -> None:
        """The list is complete: whatever was not on it is gone."""
        self.listed(nodes, first=False)
        for name in self._held.keys() - self._listed:
            self._forget(name)
        self._listed.clear()

    def added(self, node: Node) -> None:
        self.modified(node)

    def modified(self, node: Node) -> None:
        row, held = self._cache.nodes.row_of(node.name), self._held.get(node.name)
        old = None if row is None else self._cache.nodes.node(row)
        try:
            self._cache.add_node(node)
        except InvalidQuantity as error:  # costs this node's news, never the watch
            log.warning("node not understood", node=node.name, why=str(error))
            return
        self._held[node.name] = hash(tuple(name for image in node.status.images for name in image.names or ()))
        self._warn_of_labels(old, node)
        for kind in [EventKind.NODE_ADD] if old is None else node_changes(old, node):
            self._events.happened(kind, old, node)
        if old is not None and self._held[node.name] != held:
            self._events.happened(EventKind.NODE_UPDATE_IMAGES, old, node)

    def deleted(self, node: Node) -> None:
        self._forget(node.name)

    def _warn_of_labels(self, old: Node | None, new: Node) -> None:
        """Labels decide; a node whose labels contradict its own kubelet was edited, or rebuilt under its old name."""
        problem = disagreement(new)
        if problem is not None and (old is None or disagreement(old) != problem):
            log.warning("node contradicts itself", node=new.name, why=problem)

    def _forget(self, name: str) -> None:
        row = self._cache.nodes.row_of(name)
        if self._held.pop(name, None) is None or row is None:
            return
        node = self._cache.nodes.node(row)
        self._cache.remove_node(name)
        self._events.happened(EventKind.NODE_DELETE, node, None)


class NamespaceWatch:
    """The handler of the namespace reflector: remembers the annotations that set policies for a namespace's pods."""

    def __init__(self) -> None:
        self._annotations: dict[str, dict[str, str]] = {}

    def replaced(self, namespaces: list[Namespace]) -> None:
        self._annotations = {namespace.name: namespace.metadata.annotations for namespace in namespaces}

    def added(self, namespace: Namespace) -> None:
        self.modified(namespace)

    def modified(self, namespace: Namespace) -> None:
        self._annotations[namespace.name] = namespace.metadata.annotations

    def deleted(self, namespace: Namespace) -> None:
        self._annotations.pop(namespace.name, None)

    def annotations(self, name: str) -> Mapping[str, str]:
        """Those of a namespace; none if it is not known."""
        return self._annotations.get(name, {})


class PodWatch:
    """The handler of the pod reflector, whose pages go to ``listed``.

    ``scheduler_names``: the names by which pods ask for this scheduler. ``resolve`` is called with each pod whose
    images the queue waits for.
    """

    def __init__(
        self,
        scheduler_names: Collection[str],
        cache: Cache,
        queue: SchedulingQueue,
        events: EventSink,
        work: WakeUp,
        resolve: Callable[[Pod], None],
        metrics: Metrics,
    ) -> None:
        self._scheduler_names = scheduler_names
        self._cache = cache
        self._queue = queue
        self._events = events
        self._work = work
        self._resolve = resolve
        self._metrics = metrics
        self._alike = Alike()
        self._assigned: dict[str, Pod] = {}

    def listed(self, pods: list[Pod], _first: bool) -> list[Pod]:
        """A page of a list."""
        return [self._alike.share(pod) for pod in pods]

    def replaced(self, pods: list[Pod]) -> None:
        """A fresh list: whatever is not on it is gone."""
        uids = {pod.metadata.uid for pod in pods}
        for pod in self._missing(uids):
            self.deleted(pod)
        for pod in pods:
            self._is_there(pod)

    def added(self, pod: Pod) -> None:
        self.modified(pod)

    def modified(self, pod: Pod) -> None:
        self._is_there(self._alike.share(pod))

    def _is_there(self, pod: Pod) -> None:
        if pod.spec.node_name:
            self._is_assigned(pod)
        elif pod.spec.scheduler_name in self._scheduler_names:
            self._is_pending(pod)

    def deleted(self, pod: Pod) -> None:
        assigned = self._assigned.pop(pod.metadata.uid, None)
        if assigned is not None:
            self._cache.remove_pod(assigned)
            self._events.happened(EventKind.ASSIGNED_POD_DELETE, assigned, None)
            return
        self._leaves(pod)

    def _is_assigned(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        self._queue.delete(uid)
        try:
            self._cache.add_pod(pod)
        except InvalidQuantity as error:  # costs this pod's room, never the watch
            log.warning("pod not understood", pod=pod.key, why=str(error))
            return
        old = self._assigned.get(uid)
        self._assigned[uid] = pod
        for kind in [EventKind.ASSIGNED_POD_ADD] if old is None else pod_changes(old, pod):
            self._events.happened(kind, old, pod)

    def _is_pending(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        if pod.metadata.deletion_timestamp is not None:
            self._leaves(pod)
            return
        before = self._queue.get(uid)
        if self._cache.is_assumed(uid):
            if before is not None:  # its binding goes on; otherwise this news is older than that
                self._queue.update(pod, now())
            return
        self._nominated(None if before is None else before.pod, pod)
        if self._queue.update(pod, now()):
            self._resolve(pod)
        self._work.set()
        if before is None:
            self._metrics.incoming(
                Stage.GATED if pod.spec.scheduling_gates else Stage.AWAITING_IMAGES, "UnscheduledPodAdd"
            )

    def _nominated(self, old: Pod | None, new: Pod) -> None:
        """A nomination that we made and that is not written yet stays, until it is seen written or taken away."""
        before = "" if old is None else old.status.nominated_node_name
        node = new.status.nominated_node_name
        if node == before:
            return
        if node:
            self._nominate(new, node)
        else:
            self._cache.nominations.withdraw(new.metadata.uid)
        if before:
            self._events.withdrawn(new)

    def _nominate(self, pod: Pod, node: str) -> None:
        try:
            self._cache.nominate(pod, node)
        except InvalidQuantity as error:  # costs this pod's promise, never the watch
            log.warning("pod not understood", pod=pod.key, why=str(error))

    def _leaves(self, pod: Pod) -> None:
        """It is gone, or will be before it has a node. What it was to have is free at once."""
        self._queue.delete(pod.metadata.uid)
        if self._cache.is_assumed(pod.metadata.uid):
            self._cache.forget(pod.metadata.uid)
            self._events.happened(EventKind.ASSIGNED_POD_DELETE, pod, None)
        elif self._cache.nominations.withdraw(pod.metadata.uid):
            self._events.withdrawn(pod)

    def _missing(self, uids: Iterable[str]) -> list[Pod]:
        known = {queued.uid: queued.pod for queued in self._queue} | self._cache.assumed_pods() | self._assigned
        return [known[uid] for uid in known.keys() - uids]


def node_changes(old: Node, new: Node) -> list[EventKind]:
    """What an update of a node can mean to a waiting pod (upstream: NodeSchedulingPropertiesChange)."""
    changes = []
    if old.spec.taints != new.spec.taints or (old.spec.unschedulable and not new.spec.unschedulable):
        changes.append(EventKind.NODE_UPDATE_TAINT)
    if old.status.allocatable != new.status.allocatable:
        changes.append(EventKind.NODE_UPDATE_ALLOCATABLE)
    if old.metadata.labels != new.metadata.labels:
        changes.append(EventKind.NODE_UPDATE_LABEL)
    if old.status.declared_features != new.status.declared_features:
        changes.append(EventKind.NODE_UPDATE_DECLARED_FEATURE)
    if _platform_facts(old) != _platform_facts(new):
        changes.append(EventKind.NODE_UPDATE_PLATFORM)
    return changes


def pod_changes(old: Pod, new: Pod) -> list[EventKind]:
    """What an update of a placed pod can mean to a waiting one (upstream: PodSchedulingPropertiesChange)."""
    changes = []
    if old.metadata.labels != new.metadata.labels:
        changes.append(EventKind.ASSIGNED_POD_LABEL)
    if _scaled_down(old, new):
        changes.append(EventKind.ASSIGNED_POD_SCALE_DOWN)
    return changes


def _platform_facts(node: Node) -> tuple[object, ...]:
    return node.status.node_info, node.metadata.labels


def _scaled_down(old: Pod, new: Pod) -> bool:
    """Whether the pod may need less than before. A change that needs more wakes a waiting pod once for nothing."""
    return old.spec.containers != new.spec.containers or old.status.container_statuses != new.status.container_statuses
