"""What was last decided for each pod and what became of it, kept for whoever asks, and told to traces.

Owns the memory of it, which is bounded: the pods decided last are remembered. What is told of it over HTTP is in
``pod_report``.
"""

from __future__ import annotations

import time
from collections import OrderedDict

import msgspec

from scheduler.telemetry.traces import Part, Traces

REMEMBERED = 5_000
"""Pods, of about 700 bytes each."""


class Decision(msgspec.Struct, rename="camel", omit_defaults=True):
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
    """Why there is no node."""
    rejected_by: tuple[str, ...] = ()
    """Plugins."""
    bound_at: float | None = None
    fault: str | None = None
    """What kept the decision from being made or carried out."""


class Decisions:
    """The last one of each pod, by namespace and name."""

    def __init__(self, traces: Traces, remembered: int = REMEMBERED) -> None:
        self._traces = traces
        self._remembered = remembered
        self._by_pod: OrderedDict[str, Decision] = OrderedDict()

    def note(self, pod_key: str, decision: Decision) -> None:
        """``pod_key``: ``namespace/name``. One without a node is over; else ``bound`` or ``faulted`` follows."""
        self._by_pod[pod_key] = decision
        self._by_pod.move_to_end(pod_key)
        if len(self._by_pod) > self._remembered:
            self._by_pod.popitem(last=False)
        if decision.node is None:
            self._trace(pod_key, decision, decision.at)

    def bound(self, pod_key: str) -> None:
        """The decision was carried out."""
        decision = self._by_pod.get(pod_key)
        if decision is not None:
            decision.bound_at = time.time()
            self._trace(pod_key, decision, decision.bound_at)

    def faulted(self, pod_key: str, message: str) -> None:
        """It could not be carried out."""
        decision = self._by_pod.get(pod_key)
        if decision is not None and decision.fault is None:
            decision.fault = message
            self._trace(pod_key, decision, time.time())

    def last(self, pod_key: str) -> Decision | None:
        return self._by_pod.get(pod_key)

    def __len__(self) -> int:
        return len(self._by_pod)

    def _trace(self, pod_key: str, decision: Decision, ended: float) -> None:
        parts = [Part("decide", decision.at - decision.took_seconds, decision.at)]
        if ended > decision.at:
            parts.append(Part("bind", decision.at, ended))
        attributes: dict[str, str | int] = {
            "k8s.pod.name": pod_key,
            "k8s.pod.uid": decision.uid,
            "profile": decision.profile,
            "attempt": decision.attempt,
            "result": "error" if decision.fault else "scheduled" if decision.bound_at else "unschedulable",
        }
        if decision.node is not None:
            attributes["k8s.node.name"] = decision.node
        if decision.feasible_nodes is not None:
            attributes["feasible_nodes"] = decision.feasible_nodes
        if decision.message is not None:
            attributes["message"] = decision.message
        self._traces.told("schedule pod", parts, attributes, decision.fault)
