"""The scheduling cycle: one pending pod in, a node or a reason out.

Owns the order of the steps (upstream: ``pkg/scheduler/schedule_one.go``) and the memory of what was evaluated for which
pods. Differs from upstream on purpose: every node is considered, never a sample, and ties are broken by a hash of
pod and node instead of by chance, so that a decision can be repeated.

1. No nodes: unschedulable.
2. PreFilter and PreScore, once per class (``plan``).
3. Filter and Score, for what changed since the class was looked at last (``evaluation``), and for what is not a matter
   of single rows (``pod_evaluation``).
4. Nodes that other pods are nominated to: only if the pod fits beside those that go before it (``what_if``).
5. No node left: why (``diagnosis``). The one that the pod itself is nominated to, or one only: that one. Else the best.

``post_filter`` is asked afterwards whether room can be made for a pod that found no node. Nothing here changes the
cluster: the caller assumes the pod, or carries out what was found.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sized
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import HASH_BITS, RowIndexes
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import Likeness, PodInfo
from scheduler.framework.diagnosis import FitError, check, diagnose, impossible, no_nodes
from scheduler.framework.evaluation import Evaluation
from scheduler.framework.plan import NARROWED_OUT, make_plan
from scheduler.framework.pod_evaluation import PodEvaluation
from scheduler.framework.post_filter import FailedAttempt, PostFilterResult, run_post_filters
from scheduler.framework.profile import Profile
from scheduler.framework.reporter import Reporter
from scheduler.framework.reserved import Reserved, follows_from_rows
from scheduler.framework.status import AttemptError, Rejection
from scheduler.framework.what_if import WhatIf

Keys = NDArray[np.int64]

DEFAULT_REMEMBERED_ROWS = 2_000_000
"""About 30 bytes each, 80 where a class has selectors of its own: 244 classes at 5,000 nodes, which take 8,192 rows, in
60 to 170 MB."""

MOST_REMEMBERED = 1_000
"""Classes, however few nodes there are: each takes up to 40 kB besides its rows, if it has selectors of its own."""


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
    one class is always remembered, and never more than ``MOST_REMEMBERED``. As many likenesses of pods are remembered,
    which cost as much only if plugins that are not row-local apply to them.
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
        self._reserved: WeakKeyDictionary[Evaluation, Reserved] = WeakKeyDictionary()
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
        if len(self._cache.nominations) or info.pod.status.nominated_node_name:
            return self._decide_beside_nominated(info, evaluation)
        if not evaluation.feasible:
            return self._unschedulable(self._diagnosis(evaluation))
        return self._choose(evaluation.keys, evaluation.feasible, evaluation.score_error, info.seed)

    def decide_among(self, info: PodInfo, rows: RowIndexes) -> Placed | None:
        """The best of these nodes, one at least; None if none of them is possible. Otherwise as ``decide``."""
        evaluation = self.pod_evaluation(info)
        if evaluation.rejection is not None:
            return None
        if evaluation.fails:
            check(evaluation, self._nodes)
        keys, error = evaluation.keys, evaluation.score_error
        if len(self._cache.nominations) or info.pod.status.nominated_node_name:
            blocked = self.blocked(info, evaluation)
            if blocked:
                keys, error = evaluation.keys_without(blocked)
            own = self._nodes.row_of(self._cache.nominated_node(info.pod))
            if own is not None and own in rows and keys[own] >= 0:
                rows = np.array([own])
        keys = keys[rows]
        feasible = int(np.count_nonzero(keys >= 0))
        if not feasible:
            return None
        if feasible > 1 and error is not None:
            raise error
        best = int((keys ^ info.seed).argmax())
        self._reporter.placed(feasible, len(rows))
        score = keys.item(best) >> HASH_BITS if feasible > 1 else 0
        return Placed(self._nodes.name(int(rows[best])), feasible, len(rows), score)

    def post_filter(self, info: PodInfo, fit_error: FitError) -> PostFilterResult | None:
        """Whether room can be made for a pod that found no node. None: nobody has anything to say.

        Must follow the ``decide`` that gave the error, with nothing changed in between.
        """
        if not fit_error.nodes:
            return None  # upstream: no nodes are no FitError
        evaluation = self.pod_evaluation(info)
        reached = self._reached(fit_error, evaluation)
        attempt = FailedAttempt(info, evaluation, fit_error, self._cache, reached)
        return run_post_filters(self._profile.post_filters, attempt)

    def blocked(self, info: PodInfo, evaluation: PodEvaluation) -> dict[int, Rejection]:
        """Where nominations make a difference: the rows that reject the pod, each with what is said there then."""
        what_if = WhatIf(info, evaluation, self._cache)
        rejections = self._narrowed_beside_own(info, evaluation, what_if)
        if follows_from_rows(evaluation):
            reserved = self._reserved_from(evaluation.local, info.pod.priority)
            return rejections | reserved.rejections(info.uid, evaluation, what_if)
        for name in self._cache.nominations:
            row = self._nodes.row_of(name)
            if row is None or evaluation.local.rejected_by[row] == NARROWED_OUT:
                continue
            nominated = what_if.going_first(row)
            rejection = what_if.rejection(row, (), nominated) if nominated else None
            if rejection is not None:
                rejections[row] = rejection
        return rejections

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
            found = PodEvaluation(info, self.evaluation(info.pod_class.on_rows), self._cache)
            self._pods[info.likeness] = found
            while self._are_too_many(self._pods):
                self._pods.popitem(last=False)[1].close()
        else:
            self._pods.move_to_end(info.likeness)
            self._classes.move_to_end(info.pod_class.on_rows)  # so it is never forgotten before its pods are
        found.refresh()
        return found

    def _reserved_from(self, evaluation: Evaluation, priority: int) -> Reserved:
        """What was kept, if the last pod of the class had the same priority."""
        found = self._reserved.get(evaluation)
        if found is None or found.priority != priority:
            found = self._reserved[evaluation] = Reserved(priority, self._cache)
        return found

    def _are_too_many(self, remembered: Sized) -> bool:
        most = min(self._remembered_rows // self._nodes.capacity, MOST_REMEMBERED)
        return len(remembered) > max(most, 1)

    def _diagnosis(self, evaluation: PodEvaluation) -> FitError:
        """Why no node is left. The same for all pods of a likeness until something changes."""
        known = self._diagnoses.get(evaluation)
        if known is not None and known[0] == evaluation.version:
            return known[1]
        fit_error = diagnose(evaluation, self._nodes)
        self._diagnoses[evaluation] = evaluation.version, fit_error
        return fit_error

    def _decide_beside_nominated(self, info: PodInfo, evaluation: PodEvaluation) -> Placed | Unschedulable:
        """The same as ``decide`` where nominations count: the pod's own, and those of pods that go before it."""
        blocked = self.blocked(info, evaluation)
        possible = evaluation.possible
        possible[list(blocked)] = False
        feasible = int(np.count_nonzero(possible))
        if not feasible:
            fit_error = diagnose(evaluation, self._nodes, blocked) if blocked else self._diagnosis(evaluation)
            return self._unschedulable(fit_error)
        own = self._nodes.row_of(self._cache.nominated_node(info.pod))
        if own is not None and possible[own]:
            self._reporter.placed(1, len(self._nodes))
            return Placed(self._nodes.name(own), 1, len(self._nodes), 0)
        if feasible == evaluation.feasible:
            return self._choose(evaluation.keys, feasible, evaluation.score_error, info.seed)
        keys, error = evaluation.keys_without(blocked)
        return self._choose(keys, feasible, error, info.seed)

    def _narrowed_beside_own(self, info: PodInfo, evaluation: PodEvaluation, what_if: WhatIf) -> dict[int, Rejection]:
        """What the rows that PreFilter left out say to a pod that is nominated itself.

        Upstream asks the filters about the pod's own node first of all, even if that was left out, and counts the one
        that rejects it among the plugins that narrowed the nodes down.
        """
        own = self._nodes.row_of(self._cache.nominated_node(info.pod))
        if own is None or evaluation.plan.only_nodes is None:
            return {}
        rejection = what_if.beside_nominated(own)
        if rejection is None:
            return {}
        others = evaluation.plan.left_out_by({*evaluation.plan.narrowed_by, rejection.plugin})
        rows = np.flatnonzero(evaluation.local.rejected_by == NARROWED_OUT)
        return dict.fromkeys(rows.tolist(), others) | {own: rejection}

    def _choose(self, keys: Keys, feasible: int, score_error: AttemptError | None, seed: int) -> Placed:
        if feasible > 1 and score_error is not None:
            raise score_error
        row = self._best(keys, seed)
        self._reporter.placed(feasible, len(self._nodes))
        score = keys.item(row) >> HASH_BITS if feasible > 1 else 0
        return Placed(self._nodes.name(row), feasible, len(self._nodes), score)

    def _reached(self, fit_error: FitError, evaluation: PodEvaluation) -> frozenset[str]:
        """The plugins whose PreFilter was asked: all, or those up to the one that ended it."""
        names = [plugin.name for plugin in self._profile.filters]
        if fit_error.rejection is None:
            return frozenset(names)
        last = fit_error.rejection.plugin or evaluation.plan.narrowed_by[-1]
        return frozenset(names[: names.index(last) + 1])

    def _best(self, keys: Keys, seed: int) -> int:
        """The row of the greatest total; among equals the one whose name's hash goes best with the seed."""
        if len(self._scratch) < len(keys):
            self._scratch = np.empty(self._nodes.capacity, dtype=np.int64)
        return int(np.bitwise_xor(keys, seed, out=self._scratch[: len(keys)]).argmax())

    def _unschedulable(self, fit_error: FitError) -> Unschedulable:
        self._reporter.rejected(fit_error.rejecting_plugins)
        return Unschedulable(fit_error)
