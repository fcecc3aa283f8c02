"""Tells why one pod is where it is, or nowhere: what /debug/pod answers.

Owns the document: where the pod waits, what was decided last, what is known of its images, and, while it waits, what
each node says to it right now. Nothing is changed by asking, and no registry is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.explanation import explain_statuses
from scheduler.framework.status import AttemptError, Rejection
from scheduler.images.content import ImageContent, ImageFailure
from scheduler.images.pod_images import ResolvedImage
from scheduler.images.reasons import built_for
from scheduler.loops.clock import now
from scheduler.loops.decisions import Decisions
from scheduler.queue.queued_pod import QueuedPod
from scheduler.queue.scheduling_queue import SchedulingQueue

NODES_NAMED = 10
"""Per reason."""


class PodReports:
    """Over one scheduler's state. ``cycles``: by profile."""

    def __init__(
        self, cache: Cache, queue: SchedulingQueue, cycles: Mapping[str, SchedulingCycle], decisions: Decisions
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._cycles = cycles
        self._decisions = decisions

    def document(self, names: Mapping[str, str]) -> dict[str, Any] | None:
        """Of the pod ``names["namespace"]/names["name"]``; None if it is neither pending nor remembered."""
        key = f"{names['namespace']}/{names['name']}"
        decision = self._decisions.last(key)
        queued = next((queued for queued in self._queue if queued.pod.key == key), None)
        if decision is None and queued is None:
            return None
        document: dict[str, Any] = {"pod": key}
        if queued is not None:
            document["pending"] = _standing(queued)
        if decision is not None:
            document["lastDecision"] = decision
        if queued is not None and queued.images is not None:
            document["images"] = [_image(resolved) for resolved in queued.images]
            document["nodesNow"] = self._nodes_now(queued)
        return document

    def _nodes_now(self, queued: QueuedPod) -> dict[str, Any]:
        """What is to be said of the nodes as they are now, grouped by what it is."""
        info = make_pod_info(queued.pod, queued.images, self._cache.classes)
        try:
            evaluation = self._cycles[queued.pod.spec.scheduler_name].pod_evaluation(info)
            if evaluation.rejection is not None:
                return {"rejected": [_group(evaluation.rejection, [])]}
            statuses = explain_statuses(evaluation, self._cache.nodes)
        except AttemptError as error:
            return {"error": str(error)}
        groups: dict[Rejection | None, list[str]] = {}
        for node, rejection in statuses.items():
            groups.setdefault(rejection, []).append(node)
        feasible = groups.pop(None, [])
        return {
            "feasible": {"count": len(feasible), "nodes": sorted(feasible)[:NODES_NAMED]},
            "rejected": [_group(rejection, nodes) for rejection, nodes in groups.items() if rejection is not None],
        }


def _standing(queued: QueuedPod) -> dict[str, Any]:
    wakes_in = queued.wake_at - now()
    return {
        "stage": queued.stage,
        "attempts": queued.attempts,
        "waitingSeconds": round(now() - queued.added_at, 3),
        "triedAgainWithinSeconds": round(max(wakes_in, 0.0), 3) if wakes_in < float("inf") else None,
        "wokenByEventsOf": sorted(queued.rejected_by),
    }


def _image(resolved: ResolvedImage) -> dict[str, Any]:
    answer = resolved.answer
    if isinstance(answer, ImageFailure):
        known = f"unknown: {answer.message}"
    else:
        known = built_for(answer) if isinstance(answer, ImageContent) else "not looked at"
    return {"image": resolved.image.image, "usedBy": resolved.image.source, "platforms": known}


def _group(rejection: Rejection, nodes: list[str]) -> dict[str, Any]:
    return {
        "reasons": rejection.reasons,
        "plugin": rejection.plugin,
        "code": rejection.code,
        "count": len(nodes),
        "nodes": sorted(nodes)[:NODES_NAMED],
    }
