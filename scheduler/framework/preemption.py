"""The dry run of a preemption: on which nodes would a pod fit if pods of lower priority went, and where do least hurt?

Owns who would have to go on one node (upstream: ``plugins/defaultpreemption``, SelectVictimsOnNode) and the choice
among nodes (``framework/preemption``, pickOneNodeForPreemption). Who may preempt at all, and what users are told, is
the plugin's; evicting is the loops'. Nothing here changes the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.cluster.cache import Cache
from scheduler.cluster.importance import NOT_STARTED, importance, started
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.post_filter import Candidate
from scheduler.framework.status import Code, Rejection
from scheduler.framework.what_if import WhatIf

NO_VICTIMS = Rejection(Code.UNRESOLVABLE, "", ("No preemption victims found for incoming pod",))
LOWEST = 2**31
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
    victims.sort(key=lambda placed: importance(placed.pod))
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
    """Those that hurt least, all equally."""
    hurting = [(hurt(candidate), candidate) for candidate in candidates]
    least = min((harm for harm, _ in hurting), default=None)
    return [candidate for harm, candidate in hurting if harm == least]


def hurt(candidate: Candidate) -> tuple[int, int, int, int, int]:
    """How much; each number decides among candidates of which those before are equal.

    Victims that exceed a budget; the highest priority; the sum of priorities; how many victims; and the later those of
    the highest priority have started, the better.
    """
    victims = candidate.victims
    highest = max((pod.priority for pod in victims), default=-LOWEST)
    total = sum(pod.priority + LOWEST for pod in victims)
    start = min((started(pod) for pod in victims if pod.priority == highest), default=NOT_STARTED)
    return candidate.violations, highest, total, len(victims), -start
