"""Delegated mode: the whole decision is made here, and filter answers with exactly one node.

Owns the answer, and promises its node to the pod (``promises``). Which node is best is decided by the scheduler's own
core (``scheduler.framework``) over our own picture of the cluster; kube-scheduler's plugins must be off, or their view
and ours would have to agree.

Of a large cluster kube-scheduler sends a sample of names, and takes none but those. The best of the sample is the
answer. If the pod can run on none of it, but elsewhere, no node is answered and the pod is nominated to that one
(``FilterAnswer.nominated``) and counts there: kube-scheduler asks about it alone once the pod's status names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec
import numpy as np

from extender.verbs.filter import FilterAnswer
from extender.verbs.name_index import NameIndex, slow_rows
from extender.verbs.promises import Promises
from extender.wire.answers import FailedNodes, names_result, one_name_result
from extender.wire.arguments import ExtenderArgs, MalformedBody, is_given, read_node_names
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import RowIndexes
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.diagnosis import FitError
from scheduler.framework.profile import Profile
from scheduler.framework.status import Code, Rejection

ELSEWHERE = "node(s) passed over: the pod is nominated to another one"
"""Of the nodes of a sample, when none of them will do but the cluster has one."""


class Delegate:
    """Decides by ``profile`` over ``cache``."""

    def __init__(self, cache: Cache, profile: Profile, promises: Promises) -> None:
        self._cache = cache
        self._cycle = SchedulingCycle(cache, profile)
        self._index = NameIndex(cache.nodes)
        self._promises = promises
        self._last: tuple[FitError, FilterAnswer] | None = None

    def __call__(self, args: ExtenderArgs, info: PodInfo, now: float) -> FilterAnswer:
        """Raises MalformedBody for whole nodes: only of our own nodes we know what is placed on them."""
        if not is_given(args.node_names):
            raise MalformedBody("delegated mode decides about names: set nodeCacheCapable to true")
        return self._decide(info, args.node_names, now)

    def possible(self, info: PodInfo) -> int:
        evaluation = self._cycle.pod_evaluation(info)
        return evaluation.feasible if evaluation.rejection is None else 0

    def _decide(self, info: PodInfo, raw: msgspec.Raw, now: float) -> FilterAnswer:
        self._promises.forget(info.uid)
        rows = self._known(raw)
        placed = self._cycle.decide_among(info, rows) if len(rows) else None
        if placed is not None:
            self._promises.make(info, placed.node, now)
            return FilterAnswer(one_name_result(placed.node), placed.evaluated, 1)
        return self._elsewhere(info, read_node_names(raw), now)

    def _known(self, raw: msgspec.Raw) -> RowIndexes:
        """The rows of the names that are nodes of ours."""
        rows = self._index.rows(raw)
        if rows is None:
            rows = np.array([row for row in slow_rows(raw, self._cache.nodes)[1] if row is not None], dtype=np.intp)
        return rows

    def _elsewhere(self, info: PodInfo, sent: list[str], now: float) -> FilterAnswer:
        """None of the nodes will do. If another one does, the pod is nominated to it."""
        decision = self._cycle.decide(info)
        if not isinstance(decision, Placed):
            return self._unschedulable(decision.fit_error, len(sent))
        passed_over = FailedNodes()
        passed_over.add_strangers(sent, ELSEWHERE)
        answer = FilterAnswer(names_result((), FailedNodes(), passed_over), len(sent), 0)
        if sent == [info.pod.status.nominated_node_name]:
            return answer  # in the same attempt we are asked about a sample next
        self._promises.make(info, decision.node, now)
        return replace(answer, nominated=decision.node)

    def _unschedulable(self, fit_error: FitError, count: int) -> FilterAnswer:
        """The same until something changes, so the text of thousands of nodes is put together once."""
        if self._last is None or self._last[0] is not fit_error:
            self._last = fit_error, FilterAnswer(self._refusals(fit_error), count, 0)
        return self._last[1]

    def _refusals(self, fit_error: FitError) -> bytes:
        """No node, and why: every node with the reasons of the plugin that rejected it."""
        helpless, hopeless = FailedNodes(), FailedNodes()
        for rejection, names in self._by_rejection(fit_error):
            failed = helpless if rejection.code is Code.UNSCHEDULABLE else hopeless
            failed.add(names, ", ".join(rejection.reasons))
        return names_result((), hopeless, helpless)

    def _by_rejection(self, fit_error: FitError) -> Iterable[tuple[Rejection, list[str]]]:
        nodes = self._cache.nodes
        if fit_error.rejection is not None:
            yield fit_error.rejection, [node.name for _, node in nodes]
        elif fit_error.statuses is not None:
            statuses = fit_error.statuses
            for number, rejection in enumerate(statuses.rejections):
                rows = statuses.rows[np.flatnonzero(statuses.ids == number)]
                yield rejection, [nodes.name(row) for row in rows.tolist()]
