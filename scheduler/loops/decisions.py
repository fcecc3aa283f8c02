"""What was last decided for each pod, kept for whoever asks.

Owns the memory of it, which is bounded: the pods decided last are remembered. What is told of it is in ``pod_report``.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

REMEMBERED = 5_000
"""Pods, of about 700 bytes each."""


class Decision(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One attempt. Of a placed pod: ``node``, how many nodes were feasible, and the node's total score."""

    at: float
    """Unix time."""
    uid: str
    profile: str
    attempt: int
    took_seconds: float
    node: str | None = None
    score: int | None = None
    feasible_nodes: int | None = None
    evaluated_nodes: int | None = None
    message: str | None = None
    """Why there is no node, or what went wrong."""
    rejected_by: tuple[str, ...] = ()
    """Plugins."""


class Decisions:
    """The last one of each pod, by namespace and name."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._by_pod: OrderedDict[str, Decision] = OrderedDict()

    def note(self, pod_key: str, decision: Decision) -> None:
        """``pod_key``: ``namespace/name``."""
        self._by_pod[pod_key] = decision
        self._by_pod.move_to_end(pod_key)
        if len(self._by_pod) > self._remembered:
            self._by_pod.popitem(last=False)

    def last(self, pod_key: str) -> Decision | None:
        return self._by_pod.get(pod_key)

    def __len__(self) -> int:
        return len(self._by_pod)
