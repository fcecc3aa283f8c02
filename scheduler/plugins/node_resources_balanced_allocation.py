"""NodeResourcesBalancedAllocation: better where the pod evens out how much of each resource is taken.

Mirrors ``plugins/noderesources/balanced_allocation.go``: since 1.36 it scores the change that the pod makes. It reads
what pods asked for, without the defaults that NodeResourcesFit scores by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import AMOUNT, Mask, Rows
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY
from scheduler.cluster.resources import CPU_COLUMN, MEMORY_COLUMN
from scheduler.framework.plugin import SKIP, CounterScore, Scores, Skip

_PLAIN = frozenset({CPU, MEMORY, EPHEMERAL_STORAGE})

Fractions = NDArray[np.float64]

# For a hundred rows, an operand that is a Python number costs as much again as the operation; one in an array does not.
_ONE, _HUNDRED = np.array(1.0), np.array(100.0)
_UNIT, _TWO, _HALF_OF_100 = np.array(1), np.array(2.0), np.array(50)


class NodeResourcesBalancedAllocation(CounterScore):
    """``resources``: the names whose shares are to be even."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(self, resources: tuple[str, ...] = (CPU, MEMORY)) -> None:
        self._resources = resources

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        asked = dict(pod_class.requests.amounts)
        return None if any(name in asked for name in self._resources) else SKIP

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        columns, at = self._columns(pod_class, nodes), nodes.resources.at(rows)
        capacity = at.allocatable[columns.pick]
        taken = at.requested[columns.pick] + columns.steps
        if at.offers_all and columns.are_usual:  # as a rule; it halves the work
            shares = np.minimum(taken / capacity, _ONE)
            before, after = _evenness_of(np.abs(shares[:, 0] - shares[:, 1]) / _TWO)
        else:
            known = capacity != 0
            shares = np.minimum(taken / np.maximum(capacity, _UNIT), _ONE)
            before, after = _evenness_of(np.stack([_deviation(moment, known) for moment in shares]))
        scores: Scores = (after - before + _HALF_OF_100 >> _UNIT) + _HALF_OF_100
        return scores

    def score_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> int:
        before: list[float] = []
        after: list[float] = []
        for column, asked in self._columns(pod_class, nodes).columns:
            capacity = nodes.resources.allocatable[column].item(row)
            if capacity:
                requested = nodes.resources.requested[column].item(row)
                before.append(min(requested / capacity, 1.0))
                after.append(min((requested + asked) / capacity, 1.0))
        return 50 + (50 + _evenness_of_row(after) - _evenness_of_row(before)) // 2

    def _columns(self, pod_class: PodClass, nodes: NodeTable) -> _Columns:
        """What is looked at, without what no node has and special resources that are not asked for."""
        key = (self, nodes.resources.width)
        found: _Columns | None = pod_class.derived.get(key)
        if found is None:
            asked = pod_class.amounts
            columns = [(nodes.resources.column(name), asked.get(name, 0), name) for name in self._resources]
            found = pod_class.derived[key] = _Columns(
                [(c, amount) for c, amount, name in columns if c is not None and (amount or name in _PLAIN)]
            )
        return found


class _Columns:
    """The resources that count for one class: ``columns`` of (number, what the pod asks of it)."""

    def __init__(self, columns: Sequence[tuple[int, int]]) -> None:
        self.columns = columns
        numbers = [number for number, _ in columns]
        self.are_usual = numbers == [CPU_COLUMN, MEMORY_COLUMN]
        self.pick: slice | list[int] = slice(CPU_COLUMN, MEMORY_COLUMN + 1) if self.are_usual else numbers
        asked = np.array([asked for _, asked in columns], dtype=AMOUNT)
        self.steps = np.stack((np.zeros_like(asked), asked))[:, :, np.newaxis]
        """int64[without the pod and with it, resource, 1]: what is added to what is taken."""


def _evenness_of(deviation: Fractions) -> Scores:
    """100 less the standard deviation of each row's known fractions in percent, cut to an integer."""
    evenness: Scores = ((_ONE - deviation) * _HUNDRED).astype(np.int64)
    return evenness


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
