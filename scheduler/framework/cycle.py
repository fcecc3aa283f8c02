"""The scheduling cycle: one pending pod in, a node or a reason out.

Owns the order of the steps (upstream: ``pkg/scheduler/schedule_one.go``) and the memory of what was evaluated for which
pod class. Differs from upstream on purpose: every node is considered, never a sample, and ties are broken by a hash of
pod and node instead of by chance, so that a decision can be repeated.

1. No nodes: unschedulable.
2. PreFilter and PreScore, once per class (``plan``).
3. Filter and Score, for what changed since the class was looked at last (``evaluation``).
4. No node left: why (``diagnosis``). One: that one. More: the best.

Nothing here changes the cluster: the caller assumes the pod.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.diagnosis import FitError, diagnose, impossible, no_nodes
from scheduler.framework.evaluation import Evaluation
from scheduler.framework.plan import make_plan
from scheduler.framework.profile import Profile
from scheduler.framework.reporter import Reporter

DEFAULT_REMEMBERED_ROWS = 2_000_000
"""About 30 bytes each: 400 classes at 5,000 nodes, in 60 MB at most."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the pod goes. ``feasible`` of ``evaluated`` nodes were possible; ``score`` is 0 if only one was."""

    node: str
    feasible: int
    evaluated: int
    score: int


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node is possible, and why."""

    fit_error: FitError


@dataclass(slots=True)
class _Remembered:
    """What is kept of a pod class. ``fit_error`` is the diagnosis of the evaluation's ``version``."""

    evaluation: Evaluation
    fit_error: FitError | None = None
    version: int = -1


class SchedulingCycle:
    """Decides by one profile over one cache.

    ``remembered_rows`` bounds the memory: (pod classes remembered) x (rows of the node table) stays below it, though
    one class is always remembered.
    """

    def __init__(
        self,
        cache: Cache,
        profile: Profile,
        reporter: Reporter | None = None,
        *,
        remembered_rows: int = DEFAULT_REMEMBERED_ROWS,
    ) -> None:
        self._nodes = cache.nodes
        self._profile = profile
        self._reporter = reporter or Reporter()
        self._remembered_rows = remembered_rows
        self._classes: OrderedDict[PodClass, _Remembered] = OrderedDict()
        self._scratch = np.zeros(0, dtype=np.int64)

    def decide(self, info: PodInfo) -> Placed | Unschedulable:
        """Choose a node for the pod. Raises AttemptError when the attempt fails for another reason than the nodes."""
        if not len(self._nodes):
            return self._unschedulable(no_nodes())
        remembered = self._remembered(info.pod_class)
        evaluation = remembered.evaluation
        plan = evaluation.plan
        if plan.rejection is not None:
            return self._unschedulable(impossible(plan.rejection, len(self._nodes), plan.narrowed_by))
        evaluation.refresh()
        feasible = evaluation.feasible
        if not feasible:
            return self._unschedulable(self._diagnosis(remembered))
        if feasible > 1 and plan.score_error is not None:
            raise plan.score_error
        row = self._best(evaluation, info.seed)
        self._reporter.placed(feasible, len(self._nodes))
        score = evaluation.total(row) if feasible > 1 else 0
        return Placed(self._nodes.name(row), feasible, len(self._nodes), score)

    def evaluation(self, pod_class: PodClass) -> Evaluation:
        """All verdicts and scores for the class, for ``explanation``; not refreshed."""
        return self._remembered(pod_class).evaluation

    def _remembered(self, pod_class: PodClass) -> _Remembered:
        """What is known of the class; those not asked for longest make room for a new one."""
        found = self._classes.get(pod_class)
        if found is not None:
            self._classes.move_to_end(pod_class)
            return found
        evaluation = Evaluation(pod_class, make_plan(pod_class, self._profile), self._nodes, self._reporter)
        made = self._classes[pod_class] = _Remembered(evaluation)
        while len(self._classes) > 1 and len(self._classes) * self._nodes.capacity > self._remembered_rows:
            self._classes.popitem(last=False)
        return made

    def _diagnosis(self, remembered: _Remembered) -> FitError:
        """Why no node is left. The same for all pods of the class until something changes."""
        version = remembered.evaluation.version
        if remembered.fit_error is None or remembered.version != version:
            remembered.fit_error = diagnose(remembered.evaluation, self._nodes)
            remembered.version = version
        return remembered.fit_error

    def _best(self, evaluation: Evaluation, seed: int) -> int:
        """The row of the greatest total; among equals the one whose name's hash goes best with the seed."""
        keys = evaluation.keys
        if len(self._scratch) < len(keys):
            self._scratch = np.empty(self._nodes.capacity, dtype=np.int64)
        return int(np.bitwise_xor(keys, seed, out=self._scratch[: len(keys)]).argmax())

    def _unschedulable(self, fit_error: FitError) -> Unschedulable:
        self._reporter.rejected(fit_error.rejecting_plugins)
        return Unschedulable(fit_error)
