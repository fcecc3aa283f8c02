"""Why a pod class goes where it goes: every node's status, and every plugin's part in the scores.

Owns the long answer, for people and for tests; a decision never needs it. It is recomputed from the plugins, not read
from what ``evaluation`` keeps, so the two can be compared.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from scheduler.cluster.columns import Mask
from scheduler.cluster.node_table import NodeTable
from scheduler.framework.diagnosis import node_statuses
from scheduler.framework.evaluation import normalized
from scheduler.framework.plan import FIRST_FILTER, NARROWED_OUT
from scheduler.framework.plugin import FilterPlugin
from scheduler.framework.pod_evaluation import PodEvaluation
from scheduler.framework.status import Rejection


@dataclass(frozen=True, slots=True)
class Explanation:
    """By node name. ``scores``: of feasible nodes, per plugin the normalised score times its weight."""

    statuses: dict[str, Rejection | None]
    """None for a feasible node."""
    scores: dict[str, dict[str, int]]


def explain(evaluation: PodEvaluation, nodes: NodeTable) -> Explanation:
    """What is to be said of every node. The evaluation must be fresh, and without rejection. Raises AttemptError."""
    statuses = explain_statuses(evaluation, nodes)
    return Explanation(statuses, explain_scores(evaluation, nodes, [n for n, found in statuses.items() if not found]))


def explain_statuses(evaluation: PodEvaluation, nodes: NodeTable) -> dict[str, Rejection | None]:
    """Why each node is rejected, by name; None for a feasible one."""
    found = node_statuses(evaluation, nodes)
    names = [nodes.name(row) for row in found.rows.tolist()]
    return {
        name: None if number < 0 else found.rejections[number]
        for name, number in zip(names, found.ids.tolist(), strict=True)
    }


def explain_narrowed(evaluation: PodEvaluation, nodes: NodeTable) -> dict[str, Rejection | None]:
    """What filters would say of the nodes that PreFilter left out, by name; empty if it left out none."""
    plan, local = evaluation.plan, evaluation.local
    states = dict(evaluation.filters())
    left = np.flatnonzero(local.rejected_by == NARROWED_OUT)
    found: dict[str, Rejection | None] = {nodes.name(row): None for row in left.tolist()}
    for number, plugin in enumerate(plan.filters, FIRST_FILTER):
        if isinstance(plugin, FilterPlugin):
            passes: Mask | None = plugin.filter(local.pod_class, nodes, left)
        else:
            mask = states[number].mask()
            passes = None if mask is None else mask[left]
        if passes is None or passes.all():
            continue
        rejected, left = left[~passes], left[passes]
        if isinstance(plugin, FilterPlugin):
            ids, rejections = plugin.explain(local.pod_class, nodes, rejected)
        else:
            ids, rejections = states[number].explain(rejected)
        for row, rejection in zip(rejected.tolist(), ids.tolist(), strict=True):
            found[nodes.name(row)] = rejections[rejection]
    return found


def explain_scores(evaluation: PodEvaluation, nodes: NodeTable, feasible: Collection[str]) -> dict[str, dict[str, int]]:
    """Each plugin's part in the scores of these nodes, which are all that are feasible. Raises AttemptError."""
    scores: dict[str, dict[str, int]] = {name: {} for name in feasible}
    if not feasible:
        return scores
    plan = evaluation.plan
    rows = np.array([nodes.row_of(name) for name in feasible], dtype=np.intp)
    for plugin, weight in (*plan.fixed_scores, *plan.scaled_scores, *plan.counter_scores):
        raw = plugin.score(evaluation.local.pod_class, nodes, rows)
        final = normalized(raw, int(np.max(raw, initial=0)), plugin.normalization) * weight
        for name, score in zip(feasible, final.tolist(), strict=True):
            scores[name][plugin.name] = score
    possible = np.zeros(nodes.size, dtype=np.bool_)
    possible[rows] = True
    for plugin_name, by_row, weight in evaluation.cluster_scores(possible):
        for name, score in zip(feasible, by_row[rows].tolist(), strict=True):
            scores[name][plugin_name] = score * weight
    for parts in scores.values():
        parts.update(dict.fromkeys(plan.zero_scores, 0))
    return scores
