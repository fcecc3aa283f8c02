"""What the filters would say of one node if some pods left it and others came.

Owns the order in which they are asked, which is the profile's, and what nominated pods mean to others (upstream:
``framework/runtime/framework.go``, RunFilterPluginsWithNominatedPods). Whoever dry-runs (``preemption``) or decides
beside nominated pods (``cycle``) asks here; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.plan import FIRST_FILTER, NARROWED_OUT, PASSED, counter_filters, fact_filters
from scheduler.framework.plugin import CounterFilter, FilterPlugin, PluginState
from scheduler.framework.pod_evaluation import PodEvaluation
from scheduler.framework.status import Rejection

Pods = Sequence[PlacedPod]


class WhatIf:
    """About one pod. The evaluation must be fresh, and without rejection of the pod as a whole."""

    def __init__(self, info: PodInfo, evaluation: PodEvaluation, cache: Cache) -> None:
        self._info = info
        self._evaluation = evaluation
        self._cache = cache
        asked: list[tuple[int, CounterFilter | PluginState]] = [*counter_filters(evaluation.plan)]
        self._asked = sorted((*asked, *evaluation.filters()), key=lambda pair: pair[0])

    def beside_nominated(self, row: int, gone: Pods = (), come: Pods = ()) -> Rejection | None:
        """The first filter that rejects the node, with the nominated pods there that go first or without them."""
        first = self.going_first(row)
        if first:
            rejection = self.rejection(row, gone, (*come, *first))
            if rejection is not None:
                return rejection
        return self.rejection(row, gone, come)

    def going_first(self, row: int) -> list[PlacedPod]:
        """The nominated pods on the row's node that this pod has to leave room for."""
        pod = self._info.pod
        return self._cache.nominations.going_first(self._cache.nodes.name(row), self._info.uid, pod.priority)

    def rejection(self, row: int, gone: Pods, come: Pods) -> Rejection | None:
        """The first filter that rejects the node; those by facts say what they say anyway."""
        local, nodes = self._evaluation.local, self._cache.nodes
        by_facts = self._first_by_facts(row)
        for number, plugin in self._asked:
            if by_facts != PASSED and number > by_facts:
                break
            if isinstance(plugin, CounterFilter):
                rejection = plugin.rejection_if(local.pod_class, nodes, row, gone, come)
            else:
                rejection = plugin.rejection_if(row, gone, come)
            if rejection is not None:
                return rejection
        return None if by_facts == PASSED else self._by_facts(row, by_facts)

    def _first_by_facts(self, row: int) -> int:
        """The number of the first filter by facts that rejects the row, PreFilter apart; PASSED if none does."""
        local, rows = self._evaluation.local, np.array([row], dtype=np.intp)
        number = local.rejected_by.item(row)
        if number != NARROWED_OUT:
            return number
        for number, plugin in fact_filters(self._evaluation.plan):
            if not plugin.filter(local.pod_class, self._cache.nodes, rows)[0]:
                return number
        return PASSED

    def _by_facts(self, row: int, number: int) -> Rejection:
        plugin = self._evaluation.plan.filters[number - FIRST_FILTER]
        if not isinstance(plugin, FilterPlugin):
            raise TypeError(f"{plugin.name} is no filter by facts")
        ids, rejections = plugin.explain(
            self._evaluation.local.pod_class, self._cache.nodes, np.array([row], dtype=np.intp)
        )
        return rejections[int(ids[0])]
