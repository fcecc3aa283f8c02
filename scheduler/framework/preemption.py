"""The dry run of a preemption: on which nodes would a pod fit if pods of lower priority went, and where do least hurt?

Owns who would have to go on one node (upstream: ``plugins/defaultpreemption``, SelectVictimsOnNode) and the choice
among nodes (``framework/preemption``, pickOneNodeForPreemption). Who may preempt at all, and what users are told, is
the plugin's; evicting is the loops'. Nothing here changes the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache, PlacedPod
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.post_filter import Candidate
from scheduler.framework.status import Code, Rejection
from scheduler.framework.what_if import WhatIf

NO_VICTIMS = Rejection(Code.UNRESOLVABLE, "", ("No preemption victims found for incoming pod",))
NOT_STARTED = "~"
"""Sorts after every time: a pod that has not started counts as started now."""

_LOWEST = 2**31
"""Added to each priority when they are summed up, so that more victims never count for less."""


def try_node(row: int, info: PodInfo, cache: Cache, what_if: WhatIf) -> Candidate | Rejection:
    """Which pods would have to leave the node at this row for the pod to fit, or why it would not fit all the same.

    All pods of lower priority go, then are put back one by one, those that exceed a disruption budget first, then the
    more important before the less important, as long as the pod still fits.
    """
    node = cache.nodes.name(row)
    victims = [placed for placed in cache.pods_on(node) if placed.pod.priority < info.pod.priority]
    if not victims:
        return NO_VICTIMS
    rejection = what_if.beside_nominated(row, victims)
    if rejection is not None:
        return rejection
    victims.sort(key=_importance)
    exceeding = cache.budgets.exceeding(placed.pod for placed in victims)
    put_back: list[PlacedPod] = []
    violations = 0
    for first in (True, False):
        for placed, exceeds in zip(victims, exceeding, strict=True):
            if exceeds is not first:
                continue
            put_back.append(placed)
            if what_if.beside_nominated(row, victims, put_back) is not None:
                put_back.pop()
                violations += exceeds
    kept = set(map(id, put_back))
    return Candidate(node, tuple(placed.pod for placed in victims if id(placed) not in kept), violations)


def best(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that hurt least, all equally: each criterion decides among those that the ones before left over."""
    left = list(candidates)
    for criterion in _CRITERIA:
        if len(left) > 1:
            least = min(map(criterion, left))
            left = [candidate for candidate in left if criterion(candidate) == least]
    if len(left) > 1:
        latest = max(map(_earliest_start, left))
        left = [candidate for candidate in left if _earliest_start(candidate) == latest]
    return left


def _importance(placed: PlacedPod) -> tuple[int, str]:
    """The most important pod sorts first: the highest priority, then the one that has run longest."""
    return -placed.pod.priority, _start(placed.pod)


def _start(pod: Pod) -> str:
    return pod.status.start_time or NOT_STARTED


def _highest_priority(candidate: Candidate) -> int:
    return max((pod.priority for pod in candidate.victims), default=-_LOWEST)


def _sum_of_priorities(candidate: Candidate) -> int:
    return sum(pod.priority + _LOWEST for pod in candidate.victims)


def _number_of_victims(candidate: Candidate) -> int:
    return len(candidate.victims)


def _earliest_start(candidate: Candidate) -> str:
    """Among the victims of the highest priority."""
    highest = _highest_priority(candidate)
    return min((_start(pod) for pod in candidate.victims if pod.priority == highest), default=NOT_STARTED)


_CRITERIA = (attrgetter("violations"), _highest_priority, _sum_of_priorities, _number_of_victims)
