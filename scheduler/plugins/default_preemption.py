"""DefaultPreemption: a pod for which there is no room may take that of pods of lower priority.

Mirrors ``plugins/defaultpreemption`` and ``framework/preemption``: who may preempt, which nodes are worth trying, and
what users are told. The dry run is in ``framework.preemption``. Every node is tried, where kube-scheduler stops at a
number of candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from scheduler.api.pod import Pod
from scheduler.cluster.columns import RowIndexes
from scheduler.framework.diagnosis import NodeStatuses, fit_error_text
from scheduler.framework.post_filter import (
    Candidate,
    FailedAttempt,
    Nominating,
    Outcome,
    PostFilterPlugin,
    PostFilterResult,
)
from scheduler.framework.preemption import best, try_node
from scheduler.framework.status import Code, Rejection
from scheduler.framework.what_if import WhatIf

NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to a terminating pod on the nominated node."
NOT_HELPFUL = "Preemption is not helpful for scheduling"
BY_SCHEDULER = "PreemptionByScheduler"
"""Reason of the condition DisruptionTarget of a victim."""


class DefaultPreemption(PostFilterPlugin):
    """Nominates the pod to the node where evictions hurt least."""

    name = "DefaultPreemption"

    def post_filter(self, attempt: FailedAttempt) -> PostFilterResult:
        statuses = attempt.fit_error.statuses
        why_not = _why_not_eligible(attempt)
        if why_not:
            return _unschedulable(why_not, Nominating.KEEP)
        candidates: list[Candidate] = []
        rejected: dict[str, Rejection] = {}
        what_if = WhatIf(attempt.info, attempt.evaluation, attempt.cache)
        for row in _rows_worth_trying(statuses).tolist():
            found = try_node(row, attempt.info, attempt.cache, what_if)
            if isinstance(found, Candidate):
                candidates.append(found)
            else:
                rejected[attempt.cache.nodes.name(row)] = found
        if not candidates:
            return _unschedulable(_text(attempt.fit_error.nodes, rejected), Nominating.SET, rejected)
        equals = sorted(best(candidates), key=lambda candidate: candidate.node)
        chosen = equals[0]
        text = f"found a potential placement for pod on node {chosen.node}, preempting {len(chosen.victims)} victims"
        return PostFilterResult(
            Outcome.SUCCESS,
            f"preemption: {text}",
            Nominating.SET,
            chosen,
            tuple(candidate.node for candidate in equals),
            tuple(candidates),
            rejected,
        )


def _why_not_eligible(attempt: FailedAttempt) -> str:
    """Upstream: PodEligibleToPreemptOthers. Empty if the pod may preempt."""
    pod = attempt.info.pod
    if pod.spec.preemption_policy == "Never":
        return NEVER
    nominated = attempt.cache.nominated_node(pod)
    if not nominated or _is_hopeless(nominated, attempt):
        return ""
    others = (placed.pod for placed in attempt.cache.pods_on(nominated))
    making_room = any(other.priority < pod.priority and _is_being_preempted(other) for other in others)
    return TERMINATING if making_room else ""


def _is_hopeless(node: str, attempt: FailedAttempt) -> bool:
    """Whether no eviction would make the pod fit there, so that it may look elsewhere."""
    statuses, row = attempt.fit_error.statuses, attempt.cache.nodes.row_of(node)
    if statuses is None or row is None:
        return True
    where = np.flatnonzero(statuses.rows == row)
    return len(where) == 0 or statuses.rejections[statuses.ids[where[0]]].code is Code.UNRESOLVABLE


def _is_being_preempted(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is not None and any(
        condition.type == "DisruptionTarget" and condition.status == "True" and condition.reason == BY_SCHEDULER
        for condition in pod.status.conditions
    )


def _rows_worth_trying(statuses: NodeStatuses | None) -> RowIndexes:
    """The rows whose nodes reject the pod for now only. A pod that is rejected as a whole has none."""
    if statuses is None:
        return np.zeros(0, dtype=np.intp)
    for_now = np.array([rejection.code is Code.UNSCHEDULABLE for rejection in statuses.rejections], dtype=np.bool_)
    return statuses.rows[for_now[statuses.ids]]


def _unschedulable(
    text: str, nominating: Nominating, rejected: Mapping[str, Rejection] | None = None
) -> PostFilterResult:
    return PostFilterResult(Outcome.UNSCHEDULABLE, f"preemption: {text}", nominating, rejected=rejected)


def _text(nodes: int, rejected: Mapping[str, Rejection]) -> str:
    """Why no node can be made room on, in the words of a FitError; those not tried are not helped by preemption."""
    reasons: Counter[str] = Counter(reason for rejection in rejected.values() for reason in rejection.reasons)
    reasons[NOT_HELPFUL] += nodes - len(rejected)
    return fit_error_text(nodes, reasons)
