"""PodTopologySpread: pods that belong together are spread evenly over zones, hosts or other domains.

Mirrors ``plugins/podtopologyspread``. Hard constraints filter, soft ones score; how both are read is in
``spread_constraints``. The pods per domain are kept up to date by ``cluster.selection``; here they are compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.selectors import InvalidSelector
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Ids, Mask, RowIndexes
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.plugin import SKIP, ClusterPlugin, Leaving, PluginState, PreFilterAnswer, Scores, Skip
from scheduler.framework.status import AttemptError, Code, Rejection
from scheduler.plugins.arguments import PodTopologySpreadArgs
from scheduler.plugins.spread_constraints import (
    HARD,
    HOSTNAME,
    SOFT,
    Constraint,
    default_constraints,
    defaults_of,
    hard_constraints_of,
    own_constraints,
)
from scheduler.plugins.spread_counts import CountedConstraint, SpreadCounts
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints

NAME = "PodTopologySpread"
TOO_UNEVEN = Rejection(Code.UNSCHEDULABLE, NAME, ("node(s) didn't match pod topology spread constraints",))
LACKS_LABEL = Rejection(
    Code.UNRESOLVABLE, NAME, ("node(s) didn't match pod topology spread constraints (missing required label)",)
)


class PodTopologySpread(ClusterPlugin):
    """``args`` say what holds for pods that bring no constraint."""

    name = NAME

    def __init__(self, args: PodTopologySpreadArgs | None = None) -> None:
        self._args = args or PodTopologySpreadArgs()

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.ASSIGNED_POD_ADD: self._pods_count,
            EventKind.ASSIGNED_POD_LABEL: self._pods_count,
            EventKind.ASSIGNED_POD_DELETE: self._pods_count,
            EventKind.TARGET_POD_TOLERATION: self._honors_taints,
            EventKind.TARGET_POD_LABEL: self._pods_count,
            EventKind.NODE_ADD: self._domains_differ,
            EventKind.NODE_DELETE: self._domains_differ,
            EventKind.NODE_UPDATE_LABEL: self._domains_differ,
            EventKind.NODE_UPDATE_TAINT: self._domains_differ,
        }

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        return None if self._may_apply(pod_class, HARD) else SKIP

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        return None if self._may_apply(pod_class, SOFT) else SKIP

    def state(self, pod: PodInfo, cache: Cache) -> SpreadState:
        return SpreadState(self._args, pod, cache)

    def _may_apply(self, pod_class: PodClass, action: str) -> bool:
        constraints = pod_class.spec.topology_spread_constraints or defaults_of(self._args)
        return any(constraint.when_unsatisfiable == action for constraint in constraints)

    # Hints

    def _binding(self, pod: Pod) -> tuple[Constraint, ...] | None:
        """The constraints that may have kept the pod waiting; None if it takes the cluster to tell."""
        if not pod.spec.topology_spread_constraints and any(
            constraint.when_unsatisfiable == HARD for constraint in defaults_of(self._args)
        ):
            return None
        try:
            return hard_constraints_of(pod)
        except InvalidSelector:
            return None

    def _pods_count(self, pod: Pod, event: ClusterEvent) -> bool:
        """Another number of pods counts than before: of those on nodes, or the pod itself."""
        others = [other for other in (event.old, event.new) if isinstance(other, Pod)]
        if any(other.metadata.namespace != pod.metadata.namespace for other in others):
            return False
        constraints = self._binding(pod)
        if constraints is None:
            return True
        return any(_selection(constraint, event.old) != _selection(constraint, event.new) for constraint in constraints)

    def _honors_taints(self, pod: Pod, _event: ClusterEvent) -> bool:
        constraints = self._binding(pod)
        return constraints is None or any(constraint.honors_taints for constraint in constraints)

    def _domains_differ(self, pod: Pod, event: ClusterEvent) -> bool:
        """A node with all keys came or went, or came into another domain, or its taints have changed."""
        constraints = self._binding(pod)
        if constraints is None:
            return True
        old, new = _place(constraints, event.old), _place(constraints, event.new)
        if old is None or new is None or old != new:
            return old is not new
        return event.kind is EventKind.NODE_UPDATE_TAINT


class SpreadState(PluginState):
    """The constraints of pods that are alike, and their counts."""

    def __init__(self, args: PodTopologySpreadArgs, pod: PodInfo, cache: Cache) -> None:
        self._args = args
        self._pod = pod
        self._cache = cache
        self._workloads = -1
        self.is_idle = True
        self._hard = self._soft = SpreadCounts((), pod, cache, needs_all_keys=True)
        own = pod.pod_class.spec.topology_spread_constraints
        self._has_own = bool(own)
        if own:
            labels = pod.shape.labels
            try:
                self._count(own_constraints(own, labels, HARD), own_constraints(own, labels, SOFT))
            except InvalidSelector as error:
                raise AttemptError(f'running PreFilter plugin "{NAME}": {error}') from error

    def refresh(self) -> bool:
        changed = not self._has_own and self._follow_workloads()
        if self.is_idle:
            return changed
        changed |= self._hard.refresh()
        changed |= self._soft.refresh()
        return changed

    def close(self) -> None:
        self._hard.close()
        self._soft.close()

    # Filter

    def mask(self) -> Mask | None:
        passes: Mask | None = None
        for counted in self._hard:
            room = self._room(counted)[counted.domains.domain]
            passes = room if passes is None else passes & room
        return passes

    def explain(self, rows: RowIndexes) -> tuple[Ids, Sequence[Rejection]]:
        ids = np.zeros(len(rows), dtype=np.int32)
        for counted in reversed(tuple(self._hard)):  # so that the first to reject writes last
            domain = counted.domains.domain[rows]
            ids[~self._room(counted)[domain]] = 0
            ids[domain < 0] = 1
        return ids, (TOO_UNEVEN, LACKS_LABEL)

    @property
    def leaving(self) -> Leaving:
        return Leaving.ONLY_HELPS if len(self._hard) else Leaving.NEVER_MATTERS

    def rejection_if(self, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]) -> Rejection | None:
        """Upstream corrects its counts more simply than it takes them: whether a pod is being deleted is not asked."""
        for counted in self._hard:
            domain = counted.domains.domain.item(row)
            if domain < 0:
                return LACKS_LABEL
            more = self._selected(counted, come) - self._selected(counted, gone) if counted.includes(row) else 0
            pods = counted.domains.sums.item(domain) + more
            least = counted.least_if(domain, pods)
            if pods + self._itself(counted) - least > counted.constraint.max_skew:
                return TOO_UNEVEN
        return None

    # Score

    def score(self, possible: Mask) -> Scores | None:
        """The fewer pods in a node's domains, the better; a key with few domains weighs less."""
        if not len(self._soft):
            return None
        considered = possible & self._soft.have_all_keys if self._soft.needs_all_keys else possible
        raw: NDArray[np.float64] = np.zeros(len(considered))
        for counted in self._soft:
            raw += self._cost(counted, considered)
        whole = raw.astype(np.int64)
        whole += raw - whole >= 0.5  # halves away from zero, as Go rounds
        among = whole[considered]
        least, most = (int(among.min()), int(among.max())) if len(among) else (0, 0)
        scores = (most + least - whole) * 100 // most if most else np.full(len(whole), 100, dtype=np.int64)
        if self._soft.needs_all_keys:
            scores *= considered
        return scores

    # Private

    def _follow_workloads(self) -> bool:
        """The defaults depend on the services and controllers that select the pod. True if they are others now."""
        shape = self._pod.shape
        version = self._cache.workloads.version(shape.namespace)
        if version == self._workloads:
            return False
        self._workloads = version
        selector = self._cache.workloads.selector_of(shape, self._pod.likeness.controller)
        hard, soft = (default_constraints(self._args, selector, action) for action in (HARD, SOFT))
        if hard == self._hard.constraints and soft == self._soft.constraints:
            return False
        self._count(hard, soft)
        return True

    def _count(self, hard: tuple[Constraint, ...], soft: tuple[Constraint, ...]) -> None:
        self.close()
        self._hard = SpreadCounts(hard, self._pod, self._cache, needs_all_keys=True)
        strict = self._has_own or self._args.defaulting_type == "List"
        self._soft = SpreadCounts(soft, self._pod, self._cache, needs_all_keys=strict)
        self.is_idle = not (hard or soft)

    def _room(self, counted: CountedConstraint) -> Mask:
        """bool[domains + 1]: where one pod more is not too many. The last place, of no domain, is False."""
        limit = counted.constraint.max_skew + counted.least() - self._itself(counted)
        room = counted.domains.sums <= limit
        room[-1] = False
        return room

    def _itself(self, counted: CountedConstraint) -> int:
        return int(counted.constraint.selects(self._pod.shape.labels))

    def _selected(self, counted: CountedConstraint, pods: Iterable[PlacedPod]) -> int:
        namespace = self._pod.shape.namespace
        return sum(p.shape.namespace == namespace and counted.constraint.selects(p.shape.labels) for p in pods)

    def _cost(self, counted: CountedConstraint, considered: Mask) -> NDArray[np.float64]:
        """What one constraint adds to the raw score of each row."""
        domain, base = counted.domains.domain, float(counted.constraint.max_skew - 1)
        if counted.constraint.topology_key == HOSTNAME:
            weight = math.log(int(np.count_nonzero(considered)) + 2)
            cost = counted.pods_on_rows().astype(np.float64) * weight + base
            cost[domain < 0] = 0.0
            return cost
        weight = math.log(counted.domains_among(considered) + 2)
        table = counted.sums_with_empty().astype(np.float64) * weight + base
        table[-1] = 0.0
        return table[domain]


def _selection(constraint: Constraint, pod: object) -> bool:
    return isinstance(pod, Pod) and constraint.selects(pod.metadata.labels)


def _place(constraints: Iterable[Constraint], node: object) -> list[str] | None:
    """The node's domains; None if it lacks one, or there is no node."""
    if not isinstance(node, Node):
        return None
    labels = node.metadata.labels
    found = [labels.get(constraint.topology_key) for constraint in constraints]
    return None if None in found else [value for value in found if value is not None]
