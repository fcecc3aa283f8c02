"""The pods of every node by importance, as matrices: which would be evicted last, for all nodes at once.

Owns the order (upstream: ``util.MoreImportantPod``: the higher priority, then the earlier start) and its repair. The
matrices lie crosswise, ``[place, row]``: place 0 of a row is its most important pod, so one step of a dry run, the same
place on all nodes, is a few operations on vectors. Nothing is built before the first preemption asks, and then kept by
the rows that changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from scheduler.api.pod import Pod
from scheduler.cluster.change_log import ChangeLog
from scheduler.cluster.columns import Amounts, Ids, RowIndexes
from scheduler.cluster.disruption_budgets import DisruptionBudgets
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.requests import PODS

NOT_STARTED = sys.maxsize
"""Later than any time: a pod that has not started counts as started now."""

NOBODY = np.iinfo(np.int64).max
"""The priority where there is no pod: nobody outranks it."""

UNGUARDED = 0
_DEPTH = 8


class Importance:
    """``refresh`` first; then everything else describes the nodes as they are now."""

    def __init__(
        self, nodes: NodeTable, pods_on: Callable[[str], Collection[PlacedPod]], budgets: DisruptionBudgets
    ) -> None:
        self.changes = ChangeLog()
        """The rows about which anything here has changed, or the facts of the node."""
        self.pods: list[list[PlacedPod]] = []
        """By row, the most important first."""
        self._nodes = nodes
        self._pods_on = pods_on
        self._budgets = budgets
        self._reordered = ChangeLog()
        self._seen: tuple[int, ...] | None = None
        self._amounts: dict[str, Amounts] = {}
        self._guards: dict[tuple[str, tuple[str, ...]], int] = {}
        self._statuses: dict[str, object] = {}
        self._budgets_seen = self._selection = -1
        self._allocate(_DEPTH, 0)

    def touch(self, row: int) -> None:
        """The order on a row may be another, though nobody came or went."""
        self._reordered.touch(row)

    @property
    def priority(self) -> NDArray[np.int64]:
        """int64[place, row]: NOBODY where there is no pod."""
        return self._priority

    @property
    def start(self) -> NDArray[np.int64]:
        """int64[place, row]: see ``started``."""
        return self._start

    @property
    def guard(self) -> Ids:
        """int32[place, row]: UNGUARDED, or the same number for pods that are selected by the same budgets."""
        return self._guard

    def amounts(self, name: str) -> Amounts:
        """int64[place, row]: what each pod takes of a resource."""
        found = self._amounts.get(name)
        if found is None:
            found = self._amounts[name] = np.zeros(self._priority.shape, dtype=np.int64)
            for row, pods in enumerate(self.pods):
                found[: len(pods), row] = _taken(pods, name)
        return found

    def allowed(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """By guard: how many may go, and whether that is not all that is to be said.

        It is all where one budget selects the pods, and none of them is counted as going already.
        """
        allowed = np.full(len(self._guards) + 1, np.iinfo(np.int64).max, dtype=np.int64)
        is_special = np.zeros(len(allowed), dtype=np.bool_)
        budgets = {budget.key: budget for budget in self._budgets}
        for (namespace, names), number in self._guards.items():
            budget = budgets[f"{namespace}/{names[0]}"]
            allowed[number] = budget.status.disruptions_allowed
            is_special[number] = len(names) > 1 or bool(budget.status.disrupted_pods)
        return allowed, is_special

    def refresh(self) -> None:
        """Bring everything up to date with the cluster."""
        nodes = self._nodes
        if self._budgets.selection != self._selection or self._priority.shape[1] != nodes.capacity:
            self._start_anew()
        else:
            self._read(self._changed_rows())
        self._seen = self._sequences()
        if self._budgets.version != self._budgets_seen:
            self._follow_budgets()

    # Private

    def _logs(self) -> tuple[ChangeLog, ...]:
        return self._nodes.facts, self._nodes.counters, self._reordered

    def _sequences(self) -> tuple[int, ...]:
        return tuple(log.sequence for log in self._logs())

    def _changed_rows(self) -> RowIndexes:
        if self._seen == self._sequences() or self._seen is None:
            return np.zeros(0, dtype=np.intp)
        since = [log.since(seen) for log, seen in zip(self._logs(), self._seen, strict=True)]
        known = [rows for rows in since if rows is not None]
        return np.unique(np.concatenate(known)) if len(known) == len(since) else np.arange(self._nodes.size)

    def _start_anew(self) -> None:
        nodes = self._nodes
        self._selection = self._budgets.selection
        self._guards.clear()
        self._allocate(_DEPTH, nodes.capacity)
        self._read(np.arange(nodes.size))

    def _allocate(self, depth: int, capacity: int) -> None:
        self.pods = [[] for _ in range(capacity)]
        self._priority: NDArray[np.int64] = np.full((depth, capacity), NOBODY, dtype=np.int64)
        self._start: NDArray[np.int64] = np.zeros((depth, capacity), dtype=np.int64)
        self._guard: Ids = np.zeros((depth, capacity), dtype=np.int32)
        self._amounts = {name: np.zeros((depth, capacity), dtype=np.int64) for name in self._amounts}

    def _deepen(self, depth: int) -> None:
        more = max(depth, self._priority.shape[0] * 5 // 4) - self._priority.shape[0]
        wider = ((0, more), (0, 0))
        self._priority = np.pad(self._priority, wider, constant_values=NOBODY)
        self._start, self._guard = np.pad(self._start, wider), np.pad(self._guard, wider)
        self._amounts = {name: np.pad(amounts, wider) for name, amounts in self._amounts.items()}

    def _read(self, rows: RowIndexes) -> None:
        """Put these rows in order."""
        nodes = self._nodes
        for row in rows.tolist():
            pods = sorted(self._pods_on(nodes.name(row)), key=_of_placed) if nodes.live[row] else []
            before = len(self.pods[row])
            if len(pods) > self._priority.shape[0]:
                self._deepen(len(pods))
            self.pods[row] = pods
            count = len(pods)
            self._priority[count:before, row] = NOBODY
            self._guard[count:before, row] = UNGUARDED
            self._priority[:count, row] = [placed.pod.priority for placed in pods]
            self._start[:count, row] = [started(placed.pod) for placed in pods]
            if self._budgets:
                self._guard[:count, row] = [self._guard_of(placed.pod) for placed in pods]
            for name, amounts in self._amounts.items():
                amounts[count:before, row] = 0
                amounts[:count, row] = _taken(pods, name)
            self.changes.touch(row)

    def _guard_of(self, pod: Pod) -> int:
        namespace = pod.metadata.namespace
        names = self._budgets.guarding(namespace, pod.metadata.labels)
        return self._guards.setdefault((namespace, names), len(self._guards) + 1) if names else UNGUARDED

    def _follow_budgets(self) -> None:
        """Note the rows of pods whose budgets allow another number than before."""
        self._budgets_seen = self._budgets.version
        before, self._statuses = self._statuses, {budget.key: budget.status for budget in self._budgets}
        changed = {key for key, status in self._statuses.items() if before.get(key) != status}
        guards = [
            number
            for (namespace, names), number in self._guards.items()
            if any(f"{namespace}/{name}" in changed for name in names)
        ]
        if guards:
            concerns = np.zeros(len(self._guards) + 1, dtype=np.bool_)
            concerns[guards] = True
            for row in np.flatnonzero(concerns[self._guard].any(axis=0)).tolist():
                self.changes.touch(row)


def importance(pod: Pod) -> tuple[int, int]:
    """The most important pod sorts first: the highest priority, then the one that has run longest."""
    return -pod.priority, started(pod)


def started(pod: Pod) -> int:
    """When, in microseconds since 1970; NOT_STARTED if it has not, or nobody can read when."""
    return _microseconds(pod.status.start_time) if pod.status.start_time else NOT_STARTED


def _microseconds(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return NOT_STARTED
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def _of_placed(placed: PlacedPod) -> tuple[int, int]:
    return importance(placed.pod)


def _taken(pods: Iterable[PlacedPod], name: str) -> list[int]:
    if name == PODS:
        return [1 for _ in pods]
    return [next((amount for other, amount in placed.requests.amounts if other == name), 0) for placed in pods]
