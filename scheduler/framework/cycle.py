"""The scheduling cycle: one pending pod in, a node or a reason out.

Owns the order of the steps (upstream: ``pkg/scheduler/schedule_one.go``) and the memory of what was evaluated for which
pods. Differs from upstream on purpose: every node is considered, never a sample, and ties are broken by a hash of
pod and node instead of by chance, so that a decision can be repeated.

1. No nodes: unschedulable.
2. PreFilter and PreScore, once per class (``plan``).
3. Filter and Score, for what changed since the class was looked at last (``evaluation``), and for what is not a matter
   of single rows (``pod_evaluation``).
4. No node left: why (``diagnosis``). One: that one. More: the best.

Nothing here changes the cluster: the caller assumes the pod.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sized
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import Likeness, PodInfo
from scheduler.framework.diagnosis import FitError, check, diagnose, impossible, no_nodes
from scheduler.framework.evaluation import Evaluation
from scheduler.framework.plan import make_plan
from scheduler.framework.pod_evaluation import PodEvaluation
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


class SchedulingCycle:
    """Decides by one profile over one cache.

    ``remembered_rows`` bounds the memory: (pod classes remembered) x (rows of the node table) stays below it, though
    one class is always remembered. As many likenesses of pods are remembered, which cost as much only if plugins that
    are not row-local apply to them.
    """

    def __init__(
        self,
        cache: Cache,
        profile: Profile,
        reporter: Reporter | None = None,
        *,
        remembered_rows: int = DEFAULT_REMEMBERED_ROWS,
    ) -> None:
        self._cache = cache
        self._nodes = cache.nodes
        self._profile = profile
        self._reporter = reporter or Reporter()
        self._remembered_rows = remembered_rows
        self._classes: OrderedDict[PodClass, Evaluation] = OrderedDict()
        self._pods: OrderedDict[Likeness, PodEvaluation] = OrderedDict()
        self._diagnoses: WeakKeyDictionary[PodEvaluation, tuple[int, FitError]] = WeakKeyDictionary()
        self._scratch = np.zeros(0, dtype=np.int64)

    def decide(self, info: PodInfo) -> Placed | Unschedulable:
        """Choose a node for the pod. Raises AttemptError when the attempt fails for another reason than the nodes."""
        if not len(self._nodes):
            return self._unschedulable(no_nodes())
        evaluation = self.pod_evaluation(info)
        if evaluation.rejection is not None:
            narrowed_by = evaluation.plan.narrowed_by
            return self._unschedulable(impossible(evaluation.rejection, len(self._nodes), narrowed_by))
        if evaluation.fails:
            check(evaluation, self._nodes)
        feasible = evaluation.feasible
        if not feasible:
            return self._unschedulable(self._diagnosis(evaluation))
        if feasible > 1 and evaluation.score_error is not None:
            raise evaluation.score_error
        row = self._best(evaluation, info.seed)
        self._reporter.placed(feasible, len(self._nodes))
        score = evaluation.total(row) if feasible > 1 else 0
        return Placed(self._nodes.name(row), feasible, len(self._nodes), score)

    def evaluation(self, pod_class: PodClass) -> Evaluation:
        """The row-local verdicts and scores for the class; not refreshed."""
        found = self._classes.get(pod_class)
        if found is not None:
            self._classes.move_to_end(pod_class)
            return found
        made = Evaluation(pod_class, make_plan(pod_class, self._profile), self._nodes, self._reporter)
        self._classes[pod_class] = made
        while self._are_too_many(self._classes):
            self._classes.popitem(last=False)
        return made

    def pod_evaluation(self, info: PodInfo) -> PodEvaluation:
        """All verdicts and scores for pods like this one, as of now."""
        found = self._pods.get(info.likeness)
        if found is None:
            found = PodEvaluation(info, self.evaluation(info.pod_class), self._cache)
            self._pods[info.likeness] = found
            while self._are_too_many(self._pods):
                self._pods.popitem(last=False)[1].close()
        else:
            self._pods.move_to_end(info.likeness)
            self._classes.move_to_end(info.pod_class)  # so it is never forgotten before its pods are
        found.refresh()
        return found

    def _are_too_many(self, remembered: Sized) -> bool:
        return len(remembered) > 1 and len(remembered) * self._nodes.capacity > self._remembered_rows

    def _diagnosis(self, evaluation: PodEvaluation) -> FitError:
        """Why no node is left. The same for all pods of a likeness until something changes."""
        known = self._diagnoses.get(evaluation)
        if known is not None and known[0] == evaluation.version:
            return known[1]
        fit_error = diagnose(evaluation, self._nodes)
        self._diagnoses[evaluation] = evaluation.version, fit_error
        return fit_error

    def _best(self, evaluation: PodEvaluation, seed: int) -> int:
        """The row of the greatest total; among equals the one whose name's hash goes best with the seed."""
        keys = evaluation.keys
        if len(self._scratch) < len(keys):
            self._scratch = np.empty(self._nodes.capacity, dtype=np.int64)
        return int(np.bitwise_xor(keys, seed, out=self._scratch[: len(keys)]).argmax())

    def _unschedulable(self, fit_error: FitError) -> Unschedulable:
        self._reporter.rejected(fit_error.rejecting_plugins)
        return Unschedulable(fit_error)
