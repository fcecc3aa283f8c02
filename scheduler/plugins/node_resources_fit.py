"""NodeResourcesFit: what a pod asks for must be free on its node, and by default the emptier node is the better one.

Mirrors ``plugins/noderesources`` (``fit.go``, ``resource_allocation.go``). What a pod asks for is worked out in
``cluster.requests``, what nodes have and gave in ``cluster.resources``; what is preferred, in ``resource_strategies``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import PlacedPod
from scheduler.cluster.columns import Amounts, Ids, Mask, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, pod_requests
from scheduler.cluster.resources import PODS_COLUMN, ResourceColumns, read_amount
from scheduler.framework.plugin import CounterFilter, CounterScore, Scores
from scheduler.framework.status import Code, Rejection
from scheduler.plugins.arguments import NodeResourcesFitArgs
from scheduler.plugins.resource_strategies import make_strategy
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

TOO_MANY_PODS = "Too many pods"
DEFAULTS = NodeResourcesFitArgs()


class NodeResourcesFit(CounterFilter, CounterScore):
    """Filters by what is free, scores by the strategy of its arguments."""

    name = "NodeResourcesFit"

    def __init__(self, arguments: NodeResourcesFitArgs = DEFAULTS) -> None:
        self._resources = arguments.scoring_strategy.weights
        self._strategy = make_strategy(arguments.scoring_strategy)
        self._ignored = frozenset(arguments.ignored_resources)
        self._ignored_groups = frozenset(arguments.ignored_resource_groups)

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.NODE_ADD: _has_room,
            EventKind.NODE_UPDATE_ALLOCATABLE: _has_room,
            EventKind.ASSIGNED_POD_DELETE: always,
            EventKind.ASSIGNED_POD_SCALE_DOWN: _gives_back,
            EventKind.TARGET_POD_SCALE_DOWN: always,
        }

    # Filter

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        resources = nodes.resources
        fits = resources.requested[PODS_COLUMN][rows] < resources.allocatable[PODS_COLUMN][rows]
        for name, amount in self._looked_at(pod_class):
            fits &= _free(resources, name, rows) >= amount
        return fits

    def filter_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> bool:
        resources = nodes.resources
        allocatable, requested = resources.allocatable, resources.requested
        if requested[PODS_COLUMN].item(row) >= allocatable[PODS_COLUMN].item(row):
            return False
        for name, amount in self._looked_at(pod_class):
            column = resources.column(name)
            if column is None or amount > allocatable[column].item(row) - requested[column].item(row):
                return False
        return True

    def rejection_if(
        self, pod_class: PodClass, nodes: NodeTable, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]
    ) -> Rejection | None:
        resources = nodes.resources
        reasons: list[str] = []
        pods = resources.requested[PODS_COLUMN].item(row) - len(gone) + len(come)
        if pods >= resources.allocatable[PODS_COLUMN].item(row):
            reasons.append(TOO_MANY_PODS)
        hopeless = False
        for name, amount in self._looked_at(pod_class):
            column = resources.column(name)
            offered = 0 if column is None else resources.allocatable[column].item(row)
            taken = 0 if column is None else resources.requested[column].item(row)
            if amount > offered - taken + _asked_by(gone, name) - _asked_by(come, name):
                reasons.append(f"Insufficient {name}")
                hopeless |= amount > offered
        if not reasons:
            return None
        return Rejection(Code.UNRESOLVABLE if hopeless else Code.UNSCHEDULABLE, self.name, tuple(reasons))

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        """All that is short on each row; few combinations occur, so rows are told apart by a number per combination."""
        resources = nodes.resources
        short = [resources.requested[PODS_COLUMN][rows] >= resources.allocatable[PODS_COLUMN][rows]]
        hopeless = np.zeros(count(rows), dtype=np.bool_)
        amounts = self._looked_at(pod_class)
        for name, amount in amounts:
            short.append(_free(resources, name, rows) < amount)
            hopeless |= _allocatable(resources, name, rows) < amount
        reasons = (TOO_MANY_PODS, *(f"Insufficient {name}" for name, _ in amounts))
        _, examples, ids = np.unique(np.stack((*short, hopeless)), axis=1, return_index=True, return_inverse=True)
        return ids.astype(np.int32), [
            Rejection(
                Code.UNRESOLVABLE if hopeless[i] else Code.UNSCHEDULABLE,
                self.name,
                tuple(reason for reason, lacks in zip(reasons, short, strict=True) if lacks[i]),
            )
            for i in examples.tolist()
        ]

    # Score

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        """The weighted mean of what the strategy makes of each resource."""
        strategy = self._strategy
        total: Scores = np.zeros(count(rows), dtype=np.int64)
        weights: Scores | int = 0
        for column, asked, weight in self._scored(pod_class, nodes.resources):
            capacity = nodes.resources.allocatable[column][rows]
            used = nodes.resources.scored[column][rows] + asked
            if strategy.counts_zero and np.count_nonzero(capacity) == len(capacity):  # as a rule; it halves the work
                items = strategy.items(capacity, used)
                total += items if weight == 1 else items * weight
                weights = weights + weight
                continue
            items = strategy.items(np.maximum(capacity, 1), used)
            counted = (capacity != 0) & (strategy.counts_zero | (items > 0))
            total += items * counted * weight
            weights = weights + counted * weight
        return strategy.mean(total, weights)

    def score_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> int:
        strategy, resources = self._strategy, nodes.resources
        total = weights = 0
        for column, asked, weight in self._scored(pod_class, resources):
            capacity = resources.allocatable[column].item(row)
            if capacity:
                item = strategy.item(capacity, resources.scored[column].item(row) + asked)
                if item or strategy.counts_zero:
                    total += item * weight
                    weights += weight
        return strategy.mean_of(total, weights)

    # Private

    def _looked_at(self, pod_class: PodClass) -> Sequence[tuple[str, int]]:
        """What the pod asks for, without what the arguments say to ignore."""
        amounts = pod_class.requests.amounts
        if not (self._ignored or self._ignored_groups):
            return amounts
        return [(name, amount) for name, amount in amounts if not self._is_ignored(name)]

    def _is_ignored(self, name: str) -> bool:
        is_extended = "/" in name and "kubernetes.io/" not in name
        return is_extended and (name in self._ignored or name.partition("/")[0] in self._ignored_groups)

    def _scored(self, pod_class: PodClass, resources: ResourceColumns) -> list[tuple[int, int, int]]:
        """(column, what the pod asks of it, weight), without what no node has and what counts only if asked for."""
        scored = []
        for name, weight in self._resources:
            asked = pod_class.scoring.get(name, 0)
            column = resources.column(name)
            if column is not None and (asked or not is_scalar(name)):
                scored.append((column, asked, weight))
        return scored


def _asked_by(pods: Sequence[PlacedPod], name: str) -> int:
    return sum(amount for pod in pods for other, amount in pod.requests.amounts if other == name)


def is_scalar(name: str) -> bool:
    """Whether a resource is scored only for pods that ask for it."""
    return name not in {CPU, MEMORY, EPHEMERAL_STORAGE}


def _allocatable(resources: ResourceColumns, name: str, rows: Rows) -> Amounts:
    column = resources.column(name)
    return np.zeros(count(rows), dtype=np.int64) if column is None else resources.allocatable[column][rows]


def _free(resources: ResourceColumns, name: str, rows: Rows) -> Amounts:
    column = resources.column(name)
    if column is None:
        return np.zeros(count(rows), dtype=np.int64)
    return resources.allocatable[column][rows] - resources.requested[column][rows]


def _has_room(pod: Pod, event: ClusterEvent) -> bool:
    """The pod fits the node when that is empty, and the node is new or has more of something the pod asks for."""
    if not isinstance(event.new, Node):
        return True
    asked = {PODS: 1, **dict(pod_requests(pod).amounts)}
    offered = {name: _offer(event.new, name) for name in asked}
    if any(amount > offered[name] for name, amount in asked.items()):
        return False
    return not isinstance(event.old, Node) or any(offered[name] > _offer(event.old, name) for name in asked)


def _offer(node: Node, name: str) -> int:
    return read_amount(name, node.status.allocatable.get(name, 0))


def _gives_back(pod: Pod, event: ClusterEvent) -> bool:
    """The other pod takes less than before of something this pod asks for."""
    if not (isinstance(event.old, Pod) and isinstance(event.new, Pod)):
        return True
    before, after = dict(pod_requests(event.old).amounts), dict(pod_requests(event.new).amounts)
    return any(after.get(name, 0) < before.get(name, 0) for name, _ in pod_requests(pod).amounts)
