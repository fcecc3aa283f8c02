"""Why a pod class goes where it goes: every node's status, and every plugin's part in the scores.

Owns the long answer, for people and for tests; a decision never needs it. It is recomputed from the plugins, not read
from what ``evaluation`` keeps, so the two can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.cluster.node_table import NodeTable
from scheduler.framework.diagnosis import node_statuses
from scheduler.framework.evaluation import normalized
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
    found = node_statuses(evaluation, nodes)
    names = [nodes.name(row) for row in found.rows.tolist()]
    statuses = {
        name: None if number < 0 else found.rejections[number]
        for name, number in zip(names, found.ids.tolist(), strict=True)
    }
    rows = found.rows[found.ids < 0]
    scores: dict[str, dict[str, int]] = {nodes.name(row): {} for row in rows.tolist()}
    plan = evaluation.plan
    for plugin, weight in (*plan.fixed_scores, *plan.scaled_scores, *plan.counter_scores):
        raw = plugin.score(evaluation.local.pod_class, nodes, rows)
        final = normalized(raw, int(np.max(raw, initial=0)), plugin.normalization) * weight
        for row, score in zip(rows.tolist(), final.tolist(), strict=True):
            scores[nodes.name(row)][plugin.name] = score
    for name, by_row, weight in evaluation.cluster_scores() if len(rows) else ():
        for row in rows.tolist():
            scores[nodes.name(row)][name] = int(by_row[row]) * weight
    return Explanation(statuses, scores)
