"""NodeResourcesBalancedAllocation: better where the pod evens out how much of each resource is taken.

Mirrors ``plugins/noderesources/balanced_allocation.go``: since 1.36 it scores the change that the pod makes. It reads
what pods asked for, without the defaults that NodeResourcesFit scores by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import Amounts, Mask, Rows, count
from scheduler.cluster.derived import DerivedColumn
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY
from scheduler.framework.plugin import SKIP, CounterScore, Scores, Skip

_PLAIN = frozenset({CPU, MEMORY, EPHEMERAL_STORAGE})

Fractions = NDArray[np.float64]

# For a hundred rows, an operand that is a Python number costs as much again as the operation; one in an array does not.
_ONE, _HUNDRED = np.array(1.0), np.array(100.0)
_UNIT, _TWO, _HALF_OF_100 = np.array(1), np.array(2), np.array(50)


class NodeResourcesBalancedAllocation(CounterScore):
    """``resources``: the names whose shares are to be even."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(self, resources: tuple[str, ...] = (CPU, MEMORY)) -> None:
        self._resources = resources

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        asked = dict(pod_class.requests.amounts)
        return None if any(name in asked for name in self._resources) else SKIP

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        columns = self._columns(pod_class, nodes)
        after: list[Fractions] = []
        known: list[Mask] = []
        for column, asked in columns:
            capacity = nodes.resources.allocatable[column][rows]
            known.append(capacity.astype(np.bool_))
            after.append(_shares(nodes.resources.requested[column][rows] + asked, capacity))
        change = _evenness(after, known, count(rows)) - _evenness_now(nodes, tuple(c for c, _ in columns))[rows]
        scores: Scores = (change + _HALF_OF_100 >> _UNIT) + _HALF_OF_100
        return scores

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


def _evenness_now(nodes: NodeTable, columns: tuple[int, ...]) -> Scores:
    """int64[capacity]: of each row without the pod, for these resources; pods of all classes share it."""
    key = (_evenness_now, columns)
    found = nodes.derived.get(key)
    if found is None:

        def of_rows(rows: Rows) -> Scores:
            capacities = [nodes.resources.allocatable[column][rows] for column in columns]
            taken = [nodes.resources.requested[column][rows] for column in columns]
            known = [capacity.astype(np.bool_) for capacity in capacities]
            return _evenness(list(map(_shares, taken, capacities)), known, count(rows))

        def of_row(row: int) -> int:
            pairs = [
                (nodes.resources.requested[c].item(row), nodes.resources.allocatable[c].item(row)) for c in columns
            ]
            return _evenness_of_row([min(taken / capacity, 1.0) for taken, capacity in pairs if capacity])

        found = nodes.derived[key] = DerivedColumn(nodes, of_rows, of_row)
    return found.values()


def _shares(taken: Amounts, capacity: Amounts) -> Fractions:
    """At most 1; of no capacity, anything."""
    shares: Fractions = np.minimum(taken / np.maximum(capacity, _UNIT), _ONE)
    return shares


def _evenness(fractions: Sequence[Fractions], known: Sequence[Mask], size: int) -> Scores:
    """100 less the standard deviation of each row's known fractions in percent, cut to an integer."""
    if len(fractions) < 2:
        return np.full(size, 100, dtype=np.int64)
    if len(fractions) == 2:
        deviation = np.abs(fractions[0] - fractions[1]) / _TWO * (known[0] & known[1])
    else:
        deviation = _deviation(np.stack(fractions), np.stack(known))
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
