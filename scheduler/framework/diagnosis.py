"""Why no node is left: per node the first plugin that rejected it, and the sentence that users read.

Owns the second pass over the nodes, which is made only when there is nothing left to choose from, and the text of a
FitError (upstream: ``pkg/scheduler/framework/types.go``, FitError.Error). Which plugin says what is the plugins'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from scheduler.cluster.columns import Ids, RowIndexes
from scheduler.cluster.node_table import NodeTable
from scheduler.framework.plan import FIRST_FILTER, NARROWED_OUT, NO_NODE, PASSED, counter_filters
from scheduler.framework.plugin import FilterPlugin
from scheduler.framework.pod_evaluation import PodEvaluation
from scheduler.framework.status import AttemptError, Code, Rejection

NO_NODES = "no nodes available to schedule pods"
NOTHING_BLOCKED: Mapping[int, Rejection] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NodeStatuses:
    """What each node's status is: ``rows[i]`` holds a node with ``rejections[ids[i]]``; an id of -1 is no rejection.

    Rows are those of the node table at the time of the decision.
    """

    rows: RowIndexes
    ids: Ids
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class FitError:
    """Why a pod cannot be placed. ``rejection``: PreFilter's, for the pod as a whole; then ``statuses`` is None.

    ``rejecting_plugins`` are those whose hints say when to try again. Without any (there are no nodes) the pod is
    retried after a backoff, like after an error.
    """

    nodes: int
    rejection: Rejection | None
    statuses: NodeStatuses | None
    rejecting_plugins: frozenset[str]
    message: str
    """kube-scheduler's text, without what preemption would add."""


def no_nodes() -> FitError:
    """There is nothing to look at."""
    return FitError(0, None, None, frozenset(), NO_NODES)


def impossible(rejection: Rejection, nodes: int, narrowed_by: Iterable[str]) -> FitError:
    """PreFilter rejected the pod before any node was looked at."""
    plugins = frozenset({rejection.plugin, *narrowed_by} - {""})
    message = f"0/{nodes} nodes are available: {', '.join(rejection.reasons)}."
    return FitError(nodes, rejection, None, plugins, message)


def diagnose(
    evaluation: PodEvaluation, nodes: NodeTable, blocked: Mapping[int, Rejection] = NOTHING_BLOCKED
) -> FitError:
    """No node passed the filters: which one failed where. ``blocked``: the rows that are left to nominated pods."""
    statuses = with_blocked(node_statuses(evaluation, nodes), blocked)
    counts = np.bincount(statuses.ids, minlength=len(statuses.rejections)).tolist()
    reasons: Counter[str] = Counter()
    for rejection, count in zip(statuses.rejections, counts, strict=True):
        for reason in rejection.reasons:
            reasons[reason] += count
    plugins = {rejection.plugin for rejection in statuses.rejections} | set(evaluation.plan.narrowed_by)
    message = fit_error_text(len(statuses.rows), reasons)
    return FitError(len(statuses.rows), None, statuses, frozenset(plugins - {""}), message)


def check(evaluation: PodEvaluation, nodes: NodeTable) -> None:
    """Raises AttemptError if a node's status is an error: then the attempt fails, whatever the other nodes say."""
    statuses = node_statuses(evaluation, nodes)
    for number in np.unique(statuses.ids[statuses.ids >= 0]).tolist():
        if statuses.rejections[number].code is Code.ERROR:
            raise AttemptError(", ".join(statuses.rejections[number].reasons))


def with_blocked(statuses: NodeStatuses, blocked: Mapping[int, Rejection]) -> NodeStatuses:
    """The same, but these rows are rejected so."""
    numbers = {
        rejection: number for number, rejection in enumerate(dict.fromkeys(blocked.values()), len(statuses.rejections))
    }
    ids = statuses.ids.copy()
    ids[np.searchsorted(statuses.rows, list(blocked))] = [numbers[rejection] for rejection in blocked.values()]
    return NodeStatuses(statuses.rows, ids, (*statuses.rejections, *numbers))


def fit_error_text(nodes: int, reasons: Counter[str]) -> str:
    """The histogram of reasons as a sentence. Entries are sorted as text, so 10 comes before 2."""
    entries = sorted(f"{count} {reason}" for reason, count in reasons.items() if count)
    return f"0/{nodes} nodes are available:" + (f" {', '.join(entries)}." if entries else "")


def node_statuses(evaluation: PodEvaluation, nodes: NodeTable) -> NodeStatuses:
    """The status of every node, feasible ones included. The evaluation must be fresh."""
    local = evaluation.local
    states = dict(evaluation.filters())
    verdicts = local.rejected_by
    rows = np.flatnonzero(verdicts != NO_NODE)
    first = _first_rejecting(evaluation, nodes, rows)
    ids = np.full(len(rows), -1, dtype=np.int32)
    rejections: list[Rejection] = []
    for number in np.unique(first).tolist():
        if number == PASSED:
            continue
        where = np.flatnonzero(first == number)
        if number == NARROWED_OUT:
            ids[where] = len(rejections)
            rejections.append(evaluation.plan.narrowed_out)
            continue
        plugin = evaluation.plan.filters[number - FIRST_FILTER]
        if isinstance(plugin, FilterPlugin):
            own_ids, own_rejections = plugin.explain(local.pod_class, nodes, rows[where])
        else:
            own_ids, own_rejections = states[number].explain(rows[where])
        ids[where] = own_ids + len(rejections)
        rejections.extend(own_rejections)
    return NodeStatuses(rows, ids, tuple(rejections))


def _first_rejecting(evaluation: PodEvaluation, nodes: NodeTable, rows: RowIndexes) -> Ids:
    """Per row the number of the filter that stops it, in the order of the profile; PASSED if none does."""
    local = evaluation.local
    first = local.rejected_by[rows].astype(np.int32)
    masks = [(number, ~plugin.filter(local.pod_class, nodes, rows)) for number, plugin in counter_filters(local.plan)]
    for number, state in evaluation.filters():
        mask = state.mask()
        if mask is not None:
            masks.append((number, ~mask[rows]))
    for number, rejects in masks:
        earlier = (first == PASSED) | (first > number)
        first[earlier & rejects] = number
    return first
