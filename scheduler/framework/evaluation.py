"""One pod class against all nodes: verdicts and scores, kept between decisions and repaired row by row.

Owns the cached arrays and their repair. Evaluating 5,000 nodes takes hundreds of microseconds; between two decisions
for a class usually one row has changed, and repairing one row takes a few. Three cases, cheapest first:

1. only counters changed, on a few rows: each row anew, in plain Python (``_settle_row``);
2. on more rows, or facts of some nodes changed: those rows anew, as arrays (``_settle``);
3. the log has forgotten, or a good part of the rows changed: all rows anew (``_evaluate_all``).

Scores that are normalised over the feasible nodes depend on the greatest raw score among them; when that changes, all
totals are added up anew from the raw scores, which are kept (``_rescale``).

A row's *key* is ``total << HASH_BITS | hash of the node's name``, or negative if the pod cannot run there. The node
with the greatest ``key ^ seed`` has the greatest total, and among equals the seed, which is the pod's, decides. A row's
*base* is the part of the key that follows from facts alone; after a placement only the rest is worked out anew.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import HASH_BITS, Mask, RowIndexes, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plan import NARROWED_OUT, NO_NODE, PASSED, Plan, counter_filters, fact_filters
from scheduler.framework.plugin import Normalization, Scores
from scheduler.framework.reporter import Reporter

FEW_ROWS = 4
"""Up to so many rows plain Python is faster than arrays."""

REPAIRABLE = 4
"""Repair when less than one in so many rows changed."""

INFEASIBLE = -1

NEVER = np.iinfo(np.int64).min
"""The base of a row that a filter by facts rejects: no score makes it a key of a feasible row."""

_SHIFT, _INFEASIBLE = np.array(HASH_BITS), np.array(INFEASIBLE)
"""As arrays, which for few rows halves what they cost as operands."""


class Evaluation:
    """``refresh`` first; then everything else describes the nodes as they are now."""

    def __init__(self, pod_class: PodClass, plan: Plan, nodes: NodeTable, reporter: Reporter) -> None:
        self.pod_class = pod_class
        self.plan = plan
        self.feasible = 0
        """How many nodes the pod can run on."""
        self.version = 0
        """Rises whenever anything here may have changed."""
        self._nodes = nodes
        self._reporter = reporter
        self._fact_filters = fact_filters(plan)
        self._counter_filters = counter_filters(plan)
        self._facts_seen = self._counters_seen = -1
        self._epochs: list[Hashable] = []
        self._greatest: list[int] = []
        """Per scaled score, the greatest raw score among feasible nodes."""
        self._allocate(0)

    @property
    def keys(self) -> NDArray[np.int64]:
        """int64[size], see above. A view: do not write, do not keep."""
        return self._keys[: self._nodes.size]

    @property
    def rejected_by(self) -> NDArray[np.uint8]:
        """uint8[size]: PASSED, NARROWED_OUT, NO_NODE or the number of the first filter *by facts* that says no."""
        return self._rejected_by[: self._nodes.size]

    def total(self, row: int) -> int:
        """The total score of a feasible row."""
        return self._keys.item(row) >> HASH_BITS

    def keys_among(self, possible: Mask) -> NDArray[np.int64]:
        """int64[size]: the keys if only these rows were feasible; on others anything. A copy.

        ``possible`` is a part of the feasible rows: scores that are normalised may differ when the best is not in it.
        """
        size = self._nodes.size
        greatest = self._greatest_among(possible)
        if greatest == self._greatest:
            return self._keys[:size].copy()
        keys: NDArray[np.int64] = (self._bases_by(greatest) + (self._keys - self._base))[:size]
        return keys

    def refresh(self) -> None:
        """Bring everything up to date with the node table."""
        if self._nodes.facts.sequence != self._facts_seen:
            self._catch_up_with_facts()
        elif self._nodes.counters.sequence != self._counters_seen:
            self._catch_up_with_counters()
        else:
            return
        self._facts_seen = self._nodes.facts.sequence
        self._counters_seen = self._nodes.counters.sequence
        self.version += 1

    # Private: which rows

    def _catch_up_with_counters(self) -> None:
        rows = self._nodes.counters.since(self._counters_seen)
        if rows is None or self._too_many(rows):
            self._settle(slice(0, self._nodes.size))
            self._reporter.rows_repaired(self._nodes.size)
        elif len(rows) <= FEW_ROWS:
            for row in rows.tolist():
                self._settle_row(row)
        else:
            self._settle(rows)
            self._reporter.rows_repaired(len(rows))

    def _catch_up_with_facts(self) -> None:
        nodes = self._nodes
        facts = nodes.facts.since(self._facts_seen)
        counters = nodes.counters.since(self._counters_seen)
        if len(self._keys) != nodes.capacity or facts is None or counters is None:
            self._evaluate_all()
            return
        rows = np.concatenate((facts, counters))
        if self._too_many(rows):
            self._evaluate_all()
            return
        epochs = self._current_epochs()
        self._filter_by_facts(rows)
        self._score_by_facts(rows if epochs == self._epochs else slice(0, nodes.size))
        self._epochs = epochs
        self._settle(rows, rescale=True)
        self._reporter.rows_repaired(len(rows))

    def _too_many(self, rows: RowIndexes) -> bool:
        return len(rows) > FEW_ROWS and len(rows) * REPAIRABLE > self._nodes.size

    def _evaluate_all(self) -> None:
        nodes = self._nodes
        if len(self._keys) != nodes.capacity:
            self._allocate(nodes.capacity)
        rows = slice(0, nodes.size)
        self._filter_by_facts(rows)
        self._score_by_facts(rows)
        self._epochs = self._current_epochs()
        self._settle(rows, rescale=True)
        self._reporter.class_evaluated(nodes.size)

    def _allocate(self, capacity: int) -> None:
        self._rejected_by = np.full(capacity, NO_NODE, dtype=np.uint8)
        self._fixed = np.zeros(capacity, dtype=np.int32)
        self._raw = [np.zeros(capacity, dtype=np.int32) for _ in self.plan.scaled_scores]
        self._base = np.full(capacity, NEVER, dtype=np.int64)
        self._keys = np.full(capacity, INFEASIBLE, dtype=np.int64)

    def _current_epochs(self) -> list[Hashable]:
        scores = (*self.plan.fixed_scores, *self.plan.scaled_scores)
        return [plugin.epoch(self.pod_class, self._nodes) for plugin, _ in scores]

    # Private: what they say

    def _filter_by_facts(self, rows: Rows) -> None:
        nodes = self._nodes
        verdicts = np.zeros(count(rows), dtype=np.uint8)
        for number, plugin in reversed(self._fact_filters):  # so that the first to reject writes last
            verdicts[~plugin.filter(self.pod_class, nodes, rows)] = number
        if self.plan.only_nodes is not None:
            verdicts[~_named(nodes, self.plan.only_nodes)[rows]] = NARROWED_OUT
        verdicts[~nodes.live[rows]] = NO_NODE
        self._rejected_by[rows] = verdicts
        self._base[rows] = np.where(verdicts == PASSED, nodes.name_hash[rows], NEVER)  # the score: _rescale

    def _score_by_facts(self, rows: Rows) -> None:
        fixed = np.zeros(count(rows), dtype=np.int64)
        for plugin, weight in self.plan.fixed_scores:
            fixed += plugin.score(self.pod_class, self._nodes, rows) * weight
        self._fixed[rows] = fixed
        for raw, (plugin, _) in zip(self._raw, self.plan.scaled_scores, strict=True):
            raw[rows] = plugin.score(self.pod_class, self._nodes, rows)

    def _settle(self, rows: Rows, *, rescale: bool = False) -> None:
        """Verdicts and scores by counters, added to what the facts say."""
        before = self._keys[rows] >= 0
        keys = self._keys_of(rows)
        self._keys[rows] = keys
        changed = before.tobytes() != (keys >= 0).tobytes()
        if changed:
            self.feasible = int(np.count_nonzero(self._keys >= 0))
        if changed or rescale:
            self._rescale(rescale)

    def _keys_of(self, rows: Rows) -> NDArray[np.int64]:
        """int64[rows]: what the keys are now, as long as the bases are right."""
        pod_class, nodes = self.pod_class, self._nodes
        keys: NDArray[np.int64] = self._base[rows]
        for scoring, weight in self.plan.counter_scores:
            keys = keys + scoring.score(pod_class, nodes, rows) * np.int64(weight << HASH_BITS)
        for _, filtering in self._counter_filters:
            keys = np.where(filtering.filter(pod_class, nodes, rows), keys, _INFEASIBLE)
        return keys

    def _settle_row(self, row: int) -> None:
        """The same as ``_settle`` for one row whose facts did not change."""
        pod_class, nodes = self.pod_class, self._nodes
        was_possible = self._keys.item(row) >= 0
        base = self._base.item(row)
        possible = base >= 0 and all(plugin.filter_row(pod_class, nodes, row) for _, plugin in self._counter_filters)
        if possible:
            score = 0
            for plugin, weight in self.plan.counter_scores:
                score += plugin.score_row(pod_class, nodes, row) * weight
            self._keys[row] = base + (score << HASH_BITS)
        else:
            self._keys[row] = INFEASIBLE
        if possible != was_possible:
            self.feasible += 1 if possible else -1
            self._rescale()

    def _rescale(self, always: bool = False) -> None:
        """Normalise anew if the greatest raw scores have changed, or ``always``."""
        if not (self._raw or always):
            return
        possible = self._keys >= 0
        greatest = [int(raw.max(where=possible, initial=0)) for raw in self._raw]
        if greatest == self._greatest and not always:
            return
        self._greatest = greatest
        bases = self._bases_by(greatest)
        self._keys += np.where(possible, bases - self._base, 0)
        self._base = bases

    def _bases_by(self, greatest: list[int]) -> NDArray[np.int64]:
        """int64[capacity]: the bases, where scores are normalised by these greatest raw ones."""
        total = self._fixed.astype(np.int64)
        for raw, most, (plugin, weight) in zip(self._raw, greatest, self.plan.scaled_scores, strict=True):
            total += normalized(raw, most, plugin.normalization) * weight
        return np.where(self._rejected_by == PASSED, total << _SHIFT | self._nodes.name_hash, NEVER)

    def _greatest_among(self, possible: Mask) -> list[int]:
        """The greatest raw scores among a part of the feasible rows; where all have 0, no part has more."""
        return [
            int(raw[: len(possible)].max(where=possible, initial=0)) if most else 0
            for raw, most in zip(self._raw, self._greatest, strict=True)
        ]


def normalized(raw: NDArray[np.integer], greatest: int, how: Normalization) -> Scores:
    """Raw scores scaled to 0..100 (upstream: ``plugins/helper/normalize_score.go``, DefaultNormalizeScore)."""
    if how is Normalization.NONE:
        return raw.astype(np.int64)
    scaled = raw.astype(np.int64) * 100 // greatest if greatest else np.zeros(len(raw), dtype=np.int64)
    return 100 - scaled if how is Normalization.REVERSED else scaled


def _named(nodes: NodeTable, names: frozenset[str]) -> Mask:
    """bool[size]: the rows of these nodes."""
    mask = np.zeros(nodes.size, dtype=np.bool_)
    mask[[row for row in map(nodes.row_of, names) if row is not None]] = True
    return mask
