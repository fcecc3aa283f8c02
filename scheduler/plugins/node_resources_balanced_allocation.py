"""NodeResourcesBalancedAllocation: better where the pod evens out how much of each resource is taken.

Mirrors ``plugins/noderesources/balanced_allocation.go``: since 1.36 it scores the change that the pod makes. It reads
what pods asked for, without the defaults that NodeResourcesFit scores by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import Mask, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY
from scheduler.framework.plugin import SKIP, CounterScore, Scores, Skip

_PLAIN = frozenset({CPU, MEMORY, EPHEMERAL_STORAGE})

Fractions = NDArray[np.float64]


class NodeResourcesBalancedAllocation(CounterScore):
    """``resources``: the names whose shares are to be even."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(self, resources: tuple[str, ...] = (CPU, MEMORY)) -> None:
        self._resources = resources

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        asked = dict(pod_class.requests.amounts)
        return None if any(name in asked for name in self._resources) else SKIP

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        before: list[Fractions] = []
        after: list[Fractions] = []
        known: list[Mask] = []
        for column, asked in self._columns(pod_class, nodes):
            capacity = nodes.resources.allocatable[column][rows]
            requested = nodes.resources.requested[column][rows]
            known.append(capacity != 0)
            capacity = np.maximum(capacity, 1)
            before.append(np.minimum(requested / capacity, 1.0))
            after.append(np.minimum((requested + asked) / capacity, 1.0))
        size = count(rows)
        return 50 + (50 + _evenness(after, known, size) - _evenness(before, known, size)) // 2

    def score_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> int:
        before: list[float] = []
        after: list[float] = []
        for column, asked in self._columns(pod_class, nodes):
            capacity = nodes.resources.allocatable[column].item(row)
            if capacity:
                requested = nodes.resources.requested[column].item(row)
                before.append(min(requested / capacity, 1.0))
                after.append(min((requested + asked) / capacity, 1.0))
        return 50 + (50 + _evenness_of_row(after) - _evenness_of_row(before)) // 2

    def _columns(self, pod_class: PodClass, nodes: NodeTable) -> list[tuple[int, int]]:
        """(column, what the pod asks of it), without what no node has and special resources that are not asked for."""
        asked = pod_class.amounts
        columns = [(nodes.resources.column(name), asked.get(name, 0), name) for name in self._resources]
        return [(c, amount) for c, amount, name in columns if c is not None and (amount or name in _PLAIN)]


def _evenness(fractions: Sequence[Fractions], known: Sequence[Mask], size: int) -> Scores:
    """100 less the standard deviation of each row's known fractions in percent, cut to an integer."""
    if len(fractions) < 2:
        return np.full(size, 100, dtype=np.int64)
    if len(fractions) == 2:
        deviation = np.abs(fractions[0] - fractions[1]) / 2 * (known[0] & known[1])
    else:
        deviation = _deviation(np.stack(fractions), np.stack(known))
    return ((1 - deviation) * 100).astype(np.int64)


def _deviation(fractions: Fractions, known: Mask) -> Fractions:
    """Per column of a matrix, over its known entries: half the distance of two, the deviation of more, 0 of fewer."""
    number = known.sum(axis=0)
    divisor = np.maximum(number, 1)
    mean = np.where(known, fractions, 0.0).sum(axis=0) / divisor
    deviation = np.sqrt(np.where(known, (fractions - mean) ** 2, 0.0).sum(axis=0) / divisor)
    span = np.where(known, fractions, -1.0).max(axis=0) - np.where(known, fractions, 2.0).min(axis=0)
    return np.where(number > 2, deviation, np.where(number == 2, span / 2, 0.0))


def _evenness_of_row(fractions: list[float]) -> int:
    if len(fractions) == 2:
        deviation = abs(fractions[0] - fractions[1]) / 2
    elif len(fractions) > 2:
        mean = sum(fractions) / len(fractions)
        deviation = math.sqrt(sum((fraction - mean) * (fraction - mean) for fraction in fractions) / len(fractions))
    else:
        deviation = 0.0
    return int((1 - deviation) * 100)
