"""Brings nodes and pods in, so that a request finds what it needs to know in memory.

Owns the translation from object changes to the cache and to the look-ups of images. A pod that waits for a node has its
images looked up, whoever schedules it, from the moment it exists; a pod on a node is counted there, but only where
decisions need that (``counts_pods``). The reflectors (``scheduler.kube``) own the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from extender.loops.known_pods import KnownPods
from extender.loops.looking_up import LookUps
from scheduler.api.meta import ObjectMeta
from scheduler.api.namespace import Namespace
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.cache import Cache
from scheduler.images.unknown_policy import ANNOTATION
from scheduler.loops.watching_selection import NamespaceLabelWatch

log = structlog.get_logger()

UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
PENDING = f"spec.nodeName=,{UNFINISHED}"
"""Field selectors: a pod that is bound, or has finished, looks deleted to a watch of pending ones."""


class NamespaceWatch(NamespaceLabelWatch):
    """The handler of the namespace reflector. ``changed`` is told which namespace says something else now."""

    def __init__(self, cache: Cache, changed: Callable[[str], None]) -> None:
        super().__init__(cache)
        self._changed = changed

    def modified(self, namespace: Namespace) -> None:
        before = self.annotations(namespace.name).get(ANNOTATION)
        super().modified(namespace)
        if namespace.metadata.annotations.get(ANNOTATION) != before:
            self._changed(namespace.name)


class NodeWatch:
    """The handler of the node reflector, whose pages go to ``listed``."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._listed: set[str] = set()

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
        for name in [node.name for _, node in self._cache.nodes if node.name not in self._listed]:
            self._cache.remove_node(name)
        self._listed.clear()

    def added(self, node: Node) -> None:
        self.modified(node)

    def modified(self, node: Node) -> None:
        try:
            self._cache.add_node(node)
        except InvalidQuantity as error:  # costs this node's news, never the watch
            log.warning("node not understood", node=node.name, why=str(error))

    def deleted(self, node: Node) -> None:
        self._cache.remove_node(node.name)


class PodWatch:
    """The handler of the pod reflector, whose pages go to ``listed``.

    ``scheduler_names``: whose pods have their images looked up; empty: everybody's. ``forget`` is told of pods that
    are bound, or will not be any more: what they were promised does not matter then.
    """

    def __init__(
        self,
        cache: Cache,
        look_ups: LookUps,
        known: KnownPods,
        scheduler_names: Collection[str],
        forget: Callable[[str], None],
    ) -> None:
        self._cache = cache
        self._look_ups = look_ups
        self._known = known
        self._scheduler_names = frozenset(scheduler_names)
        self._forget = forget
        self._listed: set[str] = set()

    def listed(self, pods: list[Pod], first: bool) -> list[Pod]:
        """A page of a fresh list, taken as it comes."""
        if first:
            self._listed.clear()
        for pod in pods:
            self._listed.add(pod.metadata.uid)
            self.modified(pod)
        return []

    def replaced(self, pods: list[Pod]) -> None:
        """The list is complete: whatever was not on it is gone."""
        known = {uid for uid, _ in self._cache} | self._look_ups.pods()
        for uid in known - self._listed:
            self._gone(uid)
        self._listed.clear()

    def added(self, pod: Pod) -> None:
        self.modified(pod)

    def modified(self, pod: Pod) -> None:
        if pod.spec.node_name:
            self._needs_no_node(pod.metadata.uid)
            self._place(pod)
            self._forget(pod.metadata.uid)
        elif pod.metadata.deletion_timestamp is not None:
            self._gone(pod.metadata.uid)
        elif not self._scheduler_names or pod.spec.scheduler_name in self._scheduler_names:
            self._known.seen(pod, self._look_ups.seen(pod).known)

    def deleted(self, pod: Pod) -> None:
        self._gone(pod.metadata.uid)

    def _place(self, pod: Pod) -> None:
        try:
            self._cache.add_pod(pod)
        except InvalidQuantity as error:  # costs this pod's room, never the watch
            log.warning("pod not understood", pod=pod.key, why=str(error))

    def _needs_no_node(self, uid: str) -> None:
        self._look_ups.gone(uid)
        self._known.gone(uid)

    def _gone(self, uid: str) -> None:
        self._needs_no_node(uid)
        self._forget(uid)
        if self._cache.node_of(uid) is not None:
            self._cache.remove_pod(Pod(metadata=ObjectMeta(name="", uid=uid)))
