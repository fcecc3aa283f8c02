"""What NodeResourcesFit can prefer: nodes with much left, nodes that are filled well, or any curve in between.

Owns how one resource of one node scores by how much of it would be taken (upstream: ``plugins/noderesources``,
``least_allocated.go``, ``most_allocated.go``, ``requested_to_capacity_ratio.go``). Each strategy answers for arrays,
and the same for one node. Which resources are looked at, with which weights, is the plugin's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from scheduler.cluster.columns import Amounts
from scheduler.framework.plugin import Scores
from scheduler.plugins.arguments import MAX_POINT_SCORE, MAX_UTILIZATION, ScoringStrategy, ShapePoint

# For a hundred rows, an operand that is a Python number costs as much again as the operation; one in an array does not.
_ZERO, _HUNDRED = np.array(0), np.array(100)


class Strategy(ABC):
    """Scores of 0 to 100. ``capacity`` is never 0; ``used`` includes what the pod would take and may exceed it."""

    counts_zero: ClassVar[bool] = True
    """Whether a resource that scores 0 has a part in the mean."""

    @abstractmethod
    def items(self, capacity: Amounts, used: Amounts) -> Scores:
        """Of one resource of many nodes."""

    @abstractmethod
    def item(self, capacity: int, used: int) -> int:
        """Of one resource of one node."""

    def mean(self, total: Scores, weights: Scores | int) -> Scores:
        """The weighted mean; 0 where nothing was counted."""
        return total // (max(weights, 1) if isinstance(weights, int) else np.maximum(weights, 1))

    def mean_of(self, total: int, weights: int) -> int:
        return total // max(weights, 1)


class LeastAllocated(Strategy):
    """What stays free, in percent of the node."""

    def items(self, capacity: Amounts, used: Amounts) -> Scores:
        scores: Scores = np.maximum(capacity - used, _ZERO) * _HUNDRED // capacity
        return scores

    def item(self, capacity: int, used: int) -> int:
        return max(capacity - used, 0) * 100 // capacity


class MostAllocated(Strategy):
    """What is taken, in percent of the node."""

    def items(self, capacity: Amounts, used: Amounts) -> Scores:
        scores: Scores = np.minimum(capacity, used) * _HUNDRED // capacity
        return scores

    def item(self, capacity: int, used: int) -> int:
        return min(capacity, used) * 100 // capacity


class RequestedToCapacityRatio(Strategy):
    """A broken line over the percentage that is taken. Its mean is rounded, and resources that score 0 are left out."""

    counts_zero = False

    def __init__(self, shape: tuple[ShapePoint, ...]) -> None:
        self._by_percent = [broken_line(shape, percent) for percent in range(MAX_UTILIZATION + 1)]
        self._table = np.array(self._by_percent, dtype=np.int64)

    def items(self, capacity: Amounts, used: Amounts) -> Scores:
        return self._table[np.minimum(capacity, used) * MAX_UTILIZATION // capacity]

    def item(self, capacity: int, used: int) -> int:
        return self._by_percent[min(capacity, used) * MAX_UTILIZATION // capacity]

    def mean(self, total: Scores, weights: Scores | int) -> Scores:
        divisor = np.maximum(weights, 1)
        rounded: Scores = (2 * total + divisor) // (2 * divisor)
        return rounded

    def mean_of(self, total: int, weights: int) -> int:
        divisor = max(weights, 1)
        return (2 * total + divisor) // (2 * divisor)


def broken_line(shape: tuple[ShapePoint, ...], utilization: int) -> int:
    """The line's value, 0 to 100 (upstream: ``plugins/helper/shape_score.go``). Flat beyond its ends.

    Between two points the slope's part is cut toward zero, also where the line falls.
    """
    scale = 100 // MAX_POINT_SCORE
    before = shape[0]
    for point in shape:
        if utilization <= point.utilization:
            if point is before:
                return point.score * scale
            rise = (point.score - before.score) * scale * (utilization - before.utilization)
            run = point.utilization - before.utilization
            return before.score * scale + (rise // run if rise >= 0 else -(-rise // run))
        before = point
    return before.score * scale


def make_strategy(arguments: ScoringStrategy) -> Strategy:
    """The strategy that the arguments ask for; they must have been checked."""
    match arguments.type:
        case "LeastAllocated":
            return LeastAllocated()
        case "MostAllocated":
            return MostAllocated()
        case "RequestedToCapacityRatio":
            return RequestedToCapacityRatio(arguments.shape)
