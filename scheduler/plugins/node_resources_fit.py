"""NodeResourcesFit: what a pod asks for must be free on its node, and the emptier node is the better one.

Mirrors ``plugins/noderesources`` (``fit.go``, ``resource_allocation.go``, ``least_allocated.go``) with the strategy
LeastAllocated. What a pod asks for is worked out in ``cluster.requests``, what nodes have and gave in
``cluster.resources``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.columns import Amounts, Ids, Mask, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, pod_requests
from scheduler.cluster.resources import PODS_COLUMN, ResourceColumns, read_amount
from scheduler.framework.plugin import CounterFilter, CounterScore, Scores
from scheduler.framework.status import Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always

TOO_MANY_PODS = "Too many pods"

ResourceWeights = tuple[tuple[str, int], ...]
DEFAULT_RESOURCES: ResourceWeights = ((CPU, 1), (MEMORY, 1))


class NodeResourcesFit(CounterFilter, CounterScore):
    """``resources``: the names to score by, each with its weight, 1 to 100."""

    name = "NodeResourcesFit"

    def __init__(self, resources: ResourceWeights = DEFAULT_RESOURCES) -> None:
        self._resources = resources

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
        for name, amount in pod_class.requests.amounts:
            fits &= _free(resources, name, rows) >= amount
        return fits

    def filter_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> bool:
        resources = nodes.resources
        allocatable, requested = resources.allocatable, resources.requested
        if requested[PODS_COLUMN].item(row) >= allocatable[PODS_COLUMN].item(row):
            return False
        for name, amount in pod_class.requests.amounts:
            column = resources.column(name)
            if column is None or amount > allocatable[column].item(row) - requested[column].item(row):
                return False
        return True

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        """All that is short on each row; few combinations occur, so rows are told apart by a number per combination."""
        resources = nodes.resources
        short = [resources.requested[PODS_COLUMN][rows] >= resources.allocatable[PODS_COLUMN][rows]]
        hopeless = np.zeros(count(rows), dtype=np.bool_)
        for name, amount in pod_class.requests.amounts:
            short.append(_free(resources, name, rows) < amount)
            hopeless |= _allocatable(resources, name, rows) < amount
        reasons = (TOO_MANY_PODS, *(f"Insufficient {name}" for name, _ in pod_class.requests.amounts))
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
        """LeastAllocated: the weighted mean of what stays free, in percent of the node."""
        total: Amounts = np.zeros(count(rows), dtype=np.int64)
        weights: Amounts | int = 0
        for name, weight in self._resources:
            asked = pod_class.scoring.get(name, 0)
            column = nodes.resources.column(name)
            if column is None or (not asked and is_scalar(name)):
                continue
            capacity = nodes.resources.allocatable[column][rows]
            free = np.maximum(capacity - nodes.resources.scored[column][rows] - asked, 0)
            if capacity.all():  # as a rule; then one weight holds for all rows, which halves the work
                total += free * 100 // capacity * weight
                weights = weights + weight
            else:
                total += free * 100 // np.maximum(capacity, 1) * weight
                weights = weights + (capacity != 0) * weight
        return total // np.maximum(weights, 1)

    def score_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> int:
        resources = nodes.resources
        total = weights = 0
        for name, weight in self._resources:
            asked = pod_class.scoring.get(name, 0)
            column = resources.column(name)
            if column is None or (not asked and is_scalar(name)):
                continue
            capacity = resources.allocatable[column].item(row)
            if capacity:
                free = max(capacity - resources.scored[column].item(row) - asked, 0)
                total += free * 100 // capacity * weight
                weights += weight
        return total // weights if weights else 0


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
