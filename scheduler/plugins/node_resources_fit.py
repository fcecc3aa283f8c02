"""NodeResourcesFit: what a pod asks for must be free on its node, and by default the emptier node is the better one.

Mirrors ``plugins/noderesources`` (``fit.go``, ``resource_allocation.go``). What a pod asks for is worked out in
``cluster.requests``, what nodes have and gave in ``cluster.resources``; what is preferred, in ``resource_strategies``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.columns import AMOUNT, Amounts, Ids, Mask, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, pod_requests
from scheduler.cluster.resources import CPU_COLUMN, MEMORY_COLUMN, PODS_COLUMN, ResourceColumns, read_amount
from scheduler.framework.plugin import AdditiveFilter, CounterScore, Scores
from scheduler.framework.status import Code, Rejection
from scheduler.plugins.arguments import NodeResourcesFitArgs
from scheduler.plugins.resource_strategies import make_strategy
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

NOTHING_ASKED = np.iinfo(AMOUNT).min
"""Less than any node has too little of something."""

TOO_MANY_PODS = "Too many pods"
DEFAULTS = NodeResourcesFitArgs()


class NodeResourcesFit(AdditiveFilter, CounterScore):
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

    def asked(self, pod_class: PodClass) -> Sequence[tuple[str, int]]:
        return ((PODS, 1), *self._looked_at(pod_class))

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        least = self._least_free(pod_class, nodes.resources)
        if least is None:
            return np.zeros(count(rows), dtype=np.bool_)
        at = nodes.resources.at(rows)
        fits: Mask = np.logical_and.reduce(at.allocatable - at.requested >= least)
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
            if column is None:
                taken = resources.unoffered.get(name, {}).get(row, 0)
            else:
                taken = resources.requested[column].item(row)
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
        combination = hopeless.astype(np.min_scalar_type(2 << len(short)))  # the smaller the type, the faster the sort
        for lacks in short:
            combination = combination << 1 | lacks
        _, examples, ids = np.unique(combination, return_index=True, return_inverse=True)
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
        strategy, at, scored = self._strategy, nodes.resources.at(rows), self._scored(pod_class, nodes.resources)
        capacity = at.allocatable[scored.pick]
        used = at.scored[scored.pick] + scored.asked
        if at.offers_all and scored.are_usual and strategy.counts_zero:  # as a rule; it halves the work
            items = strategy.items(capacity, used)
            return strategy.mean((items if scored.are_even else items * scored.weights).sum(axis=0), scored.weight)
        items = strategy.items(np.maximum(capacity, 1), used)
        weights = ((capacity != 0) & (strategy.counts_zero | (items > 0))) * scored.weights
        return strategy.mean((items * weights).sum(axis=0), weights.sum(axis=0))

    def score_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> int:
        strategy, resources = self._strategy, nodes.resources
        total = weights = 0
        for column, asked, weight in self._scored(pod_class, resources).columns:
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

    def _least_free(self, pod_class: PodClass, resources: ResourceColumns) -> Amounts | None:
        """int64[resource, 1]: what must be free; None if that is something which no node has."""
        key = (self, "least free", resources.width)
        if key not in pod_class.derived:
            pod_class.derived[key] = _least_free(resources, self._looked_at(pod_class))
        found: Amounts | None = pod_class.derived[key]
        return found

    def _scored(self, pod_class: PodClass, resources: ResourceColumns) -> _Scored:
        """What is looked at, without what no node has and what counts only if asked for."""
        key = (self, "scored", resources.width)
        found: _Scored | None = pod_class.derived.get(key)
        if found is None:
            columns = [
                (column, pod_class.scoring.get(name, 0), weight)
                for name, weight in self._resources
                if (column := resources.column(name)) is not None and (name in pod_class.scoring or not is_scalar(name))
            ]
            found = pod_class.derived[key] = _Scored(columns)
        return found


class _Scored:
    """The resources that count for one class: ``columns`` of (number, what the pod asks of it, weight)."""

    def __init__(self, columns: Sequence[tuple[int, int, int]]) -> None:
        self.columns = columns
        numbers = [number for number, _, _ in columns]
        self.are_usual = numbers == [CPU_COLUMN, MEMORY_COLUMN]
        self.pick: slice | list[int] = slice(CPU_COLUMN, MEMORY_COLUMN + 1) if self.are_usual else numbers
        self.asked = np.array([[asked] for _, asked, _ in columns], dtype=AMOUNT).reshape(-1, 1)
        self.weights = np.array([[weight] for _, _, weight in columns], dtype=AMOUNT).reshape(-1, 1)
        self.weight = int(self.weights.sum())
        self.are_even = bool((self.weights == 1).all())


def _least_free(resources: ResourceColumns, amounts: Sequence[tuple[str, int]]) -> Amounts | None:
    least: Amounts = np.full((resources.width, 1), NOTHING_ASKED, dtype=AMOUNT)
    least[PODS_COLUMN] = 1
    for name, amount in amounts:
        column = resources.column(name)
        if column is None:
            return None
        least[column] = amount
    return least


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
