"""All plugins' answers for one likeness of pods: the row-local ones as kept for the class, and the cluster-wide ones.

Owns how the two are put together. ``Evaluation`` knows, per pod class, what follows from each row alone and repairs it
row by row. The states of cluster-wide plugins (``plugin.PluginState``) answer for all rows at once; their masks are
laid over the feasible rows, and their scores, which depend on which rows are left, are added to the keys. Pods that no
cluster-wide plugin has anything to say to cost a look at each state and no array.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import HASH_BITS, Mask
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.evaluation import INFEASIBLE, Evaluation
from scheduler.framework.plan import Plan, cluster_filters
from scheduler.framework.plugin import PluginState, Scores
from scheduler.framework.status import AttemptError, Code, Rejection


class PodEvaluation:
    """``refresh`` first; then everything else describes the nodes as they are now."""

    def __init__(self, pod: PodInfo, local: Evaluation, cache: Cache) -> None:
        self.local = local
        self.feasible = 0
        """How many nodes the pod can run on."""
        self.rejection: Rejection | None = local.plan.rejection
        """Why no node need be looked at."""
        self.version = 0
        """Rises whenever anything here may have changed."""
        self.score_error: AttemptError | None = None
        """Why scores cannot be had, which matters only when there is a choice."""
        plan = local.plan
        filters = cluster_filters(plan)
        plugins = dict.fromkeys([plugin for _, plugin in filters] + [plugin for plugin, _ in plan.cluster_scores])
        states = {} if plan.rejection else {plugin: plugin.state(pod, cache) for plugin in plugins}
        self._states = tuple(states.values())
        self._filters = tuple((number, states[plugin]) for number, plugin in filters if states)
        self._scores = tuple((plugin.name, states[plugin], weight) for plugin, weight in plan.cluster_scores if states)
        self._nodes = cache.nodes
        self._is_idle = False
        self._local_version = -1
        self._own_keys: NDArray[np.int64] | None = None

    @property
    def plan(self) -> Plan:
        return self.local.plan

    @property
    def keys(self) -> NDArray[np.int64]:
        """int64[size], as ``Evaluation.keys``. A view: do not write, do not keep."""
        return self.local.keys if self._own_keys is None else self._own_keys

    @property
    def possible(self) -> Mask:
        """bool[size]: the rows that no filter rejects."""
        return self.keys >= 0

    def total(self, row: int) -> int:
        """The total score of a feasible row."""
        return self.keys.item(row) >> HASH_BITS

    def refresh(self) -> None:
        """Bring everything up to date with the cluster. Nothing is to be known of a pod that is rejected as a whole."""
        if self.plan.rejection is not None:
            return
        changed = False
        for state in self._states:
            changed |= state.refresh()
        self.local.refresh()
        if not changed and self.local.version == self._local_version:
            return
        if changed or self.version == 0:
            self._is_idle = all(state.is_idle for state in self._states)
        self._local_version = self.local.version
        self.version += 1
        if self._is_idle:
            self.rejection, self.score_error, self._own_keys = None, self.plan.score_error, None
            self.feasible = self.local.feasible
            return
        self.rejection = self._rejection_as_a_whole()
        if self.rejection is None:
            self._combine()

    def keys_without(self, rows: Collection[int]) -> tuple[NDArray[np.int64], AttemptError | None]:
        """The keys if these rows were not feasible, and why scores cannot be had then. The keys are a copy."""
        possible = self.possible.copy()
        possible[list(rows)] = False
        keys = self.local.keys_among(possible)
        error = self.plan.score_error
        if possible.any() and error is None:
            added, error = self._with_cluster_scores(keys, possible)
            keys = keys if added is None else added
        keys[~possible] = INFEASIBLE
        return keys, error

    def close(self) -> None:
        """This likeness is forgotten."""
        for state in self._states:
            state.close()

    @property
    def fails(self) -> bool:
        """Whether some node may have an error for a status, which ends the attempt; ``diagnosis`` knows."""
        return any(state.fails for _, state in self._filters)

    def filters(self) -> Iterator[tuple[int, PluginState]]:
        """(number in verdict arrays, state) of the filters that are not row-local."""
        return iter(self._filters)

    def cluster_scores(self, possible: Mask) -> Iterator[tuple[str, Scores, int]]:
        """(plugin, scores normalised over the possible rows, weight) of those not row-local. Raises AttemptError."""
        for name, state, weight in self._scores:
            scores = state.score(possible)
            if scores is not None:
                yield name, scores, weight

    def _rejection_as_a_whole(self) -> Rejection | None:
        """Upstream's order: the first "never" ends the round, else the last "not now" wins."""
        found: Rejection | None = None
        for _, state in self._filters:
            if state.rejection is not None:
                found = state.rejection
                if found.code is Code.UNRESOLVABLE:
                    break
        return found

    def _combine(self) -> None:
        """Lay the masks over the row-local verdicts, and add the scores."""
        masks = [mask for _, state in self._filters if (mask := state.mask()) is not None]
        self._own_keys = None
        self.score_error = self.plan.score_error
        self.feasible = self.local.feasible
        if not masks and not self._scores:
            return
        possible = self.local.keys >= 0
        for mask in masks:
            possible &= mask
        self.feasible = int(np.count_nonzero(possible)) if masks else self.local.feasible
        keys = self._scored(possible) if self.feasible and self.score_error is None else None
        if keys is None and masks:
            keys = self.local.keys.copy()
        if keys is not None:
            keys[~possible] = INFEASIBLE
        self._own_keys = keys

    def _scored(self, possible: Mask) -> NDArray[np.int64] | None:
        """The keys with all scores in them; None if they are the row-local ones. Notes what goes wrong."""
        keys = self.local.keys_among(possible) if self.feasible != self.local.feasible else None
        keys, self.score_error = self._with_cluster_scores(keys, possible)
        return keys

    def _with_cluster_scores(
        self, keys: NDArray[np.int64] | None, possible: Mask
    ) -> tuple[NDArray[np.int64] | None, AttemptError | None]:
        """Add to these keys, or to a copy of the row-local ones, what there is to add; and why that fails."""
        plugin = ""
        try:
            for name, state, weight in self._scores:
                plugin = name
                scores = state.score(possible)
                if scores is not None:
                    keys = self.local.keys.copy() if keys is None else keys
                    keys += scores * (weight << HASH_BITS)
        except AttemptError as error:
            return keys, AttemptError(f'running PreScore plugin "{plugin}": {error}')
        return keys, None
