"""Simulated kubelets: they make pods that are bound to a node run there, or say why they do not.

A client of the API server like any other, for all nodes at once. Owns the watches, and which pod is being worked on;
what is done for a pod is in ``kubelet``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from scheduler.api.pod import Pod
from scheduler.kube.reflector import Reflector
from scheduler.kube.requests import ApiClient
from scheduler.sandbox.kubelet import CanRun, HostNode, Kubelet, runs_everything

T = TypeVar("T", bound=HostNode | Pod)


class SandboxKubelets:
    """The kubelets of all nodes of a cluster.

    * ``can_run``: decides about an image on a node; asked again after each pause.
    * ``first_pause``, ``longest_pause``: seconds before an image that made trouble is tried again, doubling.
    * ``at_once``: how many pods are worked on at the same time.
    """

    def __init__(
        self,
        client: ApiClient,
        can_run: CanRun = runs_everything,
        *,
        first_pause: float = 10.0,
        longest_pause: float = 300.0,
        at_once: int = 32,
    ) -> None:
        self._kubelet = Kubelet(client, can_run, first_pause=first_pause, longest_pause=longest_pause, at_once=at_once)
        self._nodes = _Known(self._see_node, lambda node: None)
        self._pods = _Known(self._see_pod, self._lose_pod)
        self._node_reflector = Reflector(client, "/api/v1/nodes", HostNode, self._nodes)
        self._pod_reflector = Reflector(client, "/api/v1/pods", Pod, self._pods, field_selector="spec.nodeName!=")
        self._work: dict[str, asyncio.Task[None]] = {}  # by uid of the pod or node
        self._reflecting: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin, and return when the nodes and bound pods that exist are known."""
        reflectors = (self._node_reflector, self._pod_reflector)
        self._reflecting = [asyncio.create_task(reflector.run()) for reflector in reflectors]
        for reflector in reflectors:
            await reflector.synced.wait()

    async def stop(self) -> None:
        """End all work where it stands. May be called twice."""
        tasks = [*self._reflecting, *self._work.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reflecting.clear()
        self._work.clear()

    def _see_node(self, node: HostNode, before: HostNode | None) -> None:
        if before is None:
            self._begin(node.metadata.uid, self._kubelet.register(node))
            for pod in self._pods.by_name.values():
                if pod.spec.node_name == node.name:
                    self._see_pod(pod, pod)

    def _see_pod(self, pod: Pod, before: Pod | None) -> None:
        node = self._nodes.by_name.get(pod.spec.node_name)
        if node is None:
            return
        uid = pod.metadata.uid
        if pod.metadata.deletion_timestamp is not None:
            if before is None or before.metadata.deletion_timestamp is None or uid not in self._work:
                self._begin(uid, self._kubelet.end_pod(pod))
        elif uid not in self._work and pod.status.phase in {"", "Pending"}:
            self._begin(uid, self._kubelet.run_pod(pod, node))

    def _lose_pod(self, pod: Pod) -> None:
        work = self._work.pop(pod.metadata.uid, None)
        if work is not None:
            work.cancel()

    def _begin(self, uid: str, work: Coroutine[Any, Any, None]) -> None:
        """Do this instead of what was being done."""
        before = self._work.pop(uid, None)
        if before is not None:
            before.cancel()
        task = self._work[uid] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._finished(uid, done))

    def _finished(self, uid: str, task: asyncio.Task[None]) -> None:
        if self._work.get(uid) is task:
            del self._work[uid]


class _Known(Generic[T]):
    """What a reflector has delivered, by ``namespace/name``; tells what came or changed, and what went."""

    def __init__(self, see: Callable[[T, T | None], None], lose: Callable[[T], None]) -> None:
        self.by_name: dict[str, T] = {}
        self._see = see
        self._lose = lose

    def replaced(self, items: list[T]) -> None:
        keys = {_key(item) for item in items}
        for item in [item for key, item in self.by_name.items() if key not in keys]:
            self.deleted(item)
        for item in items:
            self.modified(item)

    def added(self, item: T) -> None:
        self.modified(item)

    def modified(self, item: T) -> None:
        before = self.by_name.get(_key(item))
        self.by_name[_key(item)] = item
        self._see(item, before if before is not None and before.metadata.uid == item.metadata.uid else None)

    def deleted(self, item: T) -> None:
        self.by_name.pop(_key(item), None)
        self._lose(item)


def _key(item: HostNode | Pod) -> str:
    metadata = item.metadata
    return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
