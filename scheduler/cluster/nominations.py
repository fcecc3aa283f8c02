"""Nominations: pending pods for which room is being made on a node, and which others must therefore leave to them.

Owns who is nominated where (upstream: ``pkg/scheduler/backend/queue/nominator.go``). What follows for other pods is in
``framework.what_if``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from scheduler.cluster.change_log import ChangeLog
from scheduler.cluster.placed_pod import PlacedPod


class Nominations:
    """By the uid of the pod, and by node. Of each, what it would take of its node, as if it were placed there."""

    def __init__(self, row_of: Callable[[str], int | None]) -> None:
        self.changes = ChangeLog()
        """The rows of nodes to which other pods are nominated than before."""
        self._row_of = row_of
        self._pods: dict[str, PlacedPod] = {}
        self._on_node: dict[str, dict[str, PlacedPod]] = {}

    def __len__(self) -> int:
        return len(self._pods)

    def __iter__(self) -> Iterator[str]:
        """The names of the nodes to which pods are nominated."""
        return iter(self._on_node)

    def put(self, uid: str, pod: PlacedPod) -> None:
        """Nominate a pod to ``pod.node``; it is nominated to no other node any more."""
        self.withdraw(uid)
        self._pods[uid] = pod
        self._on_node.setdefault(pod.node, {})[uid] = pod
        self._note(pod.node)

    def node_of(self, uid: str) -> str | None:
        """Where a pod is nominated to."""
        known = self._pods.get(uid)
        return None if known is None else known.node

    def withdraw(self, uid: str) -> bool:
        """The pod is placed, gone, or has lost its nomination. False if it had none."""
        known = self._pods.pop(uid, None)
        if known is None:
            return False
        others = self._on_node[known.node]
        del others[uid]
        if not others:
            del self._on_node[known.node]
        self._note(known.node)
        return True

    def on(self, node: str) -> Iterable[PlacedPod]:
        """The pods that are nominated to a node."""
        return self._on_node.get(node, {}).values()

    def going_first(self, node: str, uid: str, priority: int) -> list[PlacedPod]:
        """The pods on a node that a pod of this uid and priority has to leave room for: the others not below it."""
        nominated = self._on_node.get(node)
        if nominated is None:
            return []
        return [pod for other, pod in nominated.items() if other != uid and pod.pod.priority >= priority]

    def _note(self, node: str) -> None:
        row = self._row_of(node)
        if row is not None:  # a node that comes later is looked at anyway
            self.changes.touch(row)
