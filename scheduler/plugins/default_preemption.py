"""DefaultPreemption: a pod for which there is no room may take that of pods of lower priority.

Mirrors ``plugins/defaultpreemption`` and ``framework/preemption``: who may preempt, which nodes are worth trying, and
what users are told. The search is in ``framework.making_room``. Every node is tried, where kube-scheduler stops at a
number of candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np

from scheduler.api.pod import Pod
from scheduler.cluster.columns import RowIndexes
from scheduler.framework.diagnosis import NodeStatuses, fit_error_text
from scheduler.framework.dry_run import DryRun
from scheduler.framework.evaluation import Evaluation
from scheduler.framework.making_room import RoomSearch
from scheduler.framework.post_filter import (
    NOTHING_TRIED,
    FailedAttempt,
    Nominating,
    Outcome,
    PostFilterPlugin,
    PostFilterResult,
    Trials,
)
from scheduler.framework.status import Code

NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to a terminating pod on the nominated node."
NOT_HELPFUL = "Preemption is not helpful for scheduling"
BY_SCHEDULER = "PreemptionByScheduler"
"""Reason of the condition DisruptionTarget of a victim."""


class DefaultPreemption(PostFilterPlugin):
    """Nominates the pod to the node where evictions hurt least."""

    name = "DefaultPreemption"

    def __init__(self) -> None:
        self._dry_runs: WeakKeyDictionary[Evaluation, DryRun] = WeakKeyDictionary()

    def post_filter(self, attempt: FailedAttempt) -> PostFilterResult:
        why_not = _why_not_eligible(attempt)
        if why_not:
            return _unschedulable(why_not, Nominating.KEEP)
        rows = _rows_worth_trying(attempt.fit_error.statuses)
        search = RoomSearch(attempt.info, attempt.evaluation, attempt.cache, rows, self._dry_run(attempt))
        chosen = search.chosen()
        if chosen is None:
            text = _text(attempt.fit_error.nodes, len(rows), search.reasons())
            return _unschedulable(text, Nominating.SET, search.trials)
        text = f"found a potential placement for pod on node {chosen.node}, preempting {len(chosen.victims)} victims"
        return PostFilterResult(Outcome.SUCCESS, f"preemption: {text}", Nominating.SET, chosen, search.trials)

    def _dry_run(self, attempt: FailedAttempt) -> DryRun:
        """The one that was kept, if the last pod of the class had the same priority; as of now."""
        local, priority = attempt.evaluation.local, attempt.info.pod.priority
        found = self._dry_runs.get(local)
        if found is None or found.priority != priority:
            found = self._dry_runs[local] = DryRun(local, priority, attempt.cache)
        found.refresh()
        return found


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
    text: str, nominating: Nominating, trials: Callable[[], Trials] = lambda: NOTHING_TRIED
) -> PostFilterResult:
    return PostFilterResult(Outcome.UNSCHEDULABLE, f"preemption: {text}", nominating, trials=trials)


def _text(nodes: int, tried: int, reasons: Counter[str]) -> str:
    """Why no node can be made room on, in the words of a FitError; those not tried are not helped by preemption."""
    return fit_error_text(nodes, reasons + Counter({NOT_HELPFUL: nodes - tried}))
