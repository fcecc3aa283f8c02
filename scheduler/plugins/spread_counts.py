"""Counts for spread constraints: the pods per domain, over the nodes that a constraint takes into account.

Owns which nodes those are (upstream: ``plugins/podtopologyspread``, calPreFilterState and PreScore): those with all
topology keys, less those that the pod could not go to anyway, if the constraint's policies say so.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scheduler.api.tolerations import is_tolerated
from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Ids, Mask, Rows, count
from scheduler.cluster.node_selection import selected, selects_nodes
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.selection.domains import DomainCounts
from scheduler.cluster.selection.matchers import Matcher
from scheduler.cluster.selection.pod_selectors import PodSelector
from scheduler.cluster.selection.tally import Tally
from scheduler.plugins.spread_constraints import Constraint

_MANY = np.iinfo(np.int64).max


class CountedConstraint:
    """One constraint with its counts. ``included``: bool[capacity], the rows that count."""

    def __init__(self, constraint: Constraint, matcher: Matcher | None, nodes: NodeTable) -> None:
        self.constraint = constraint
        self.matcher = matcher
        self.included: Mask = np.zeros(0, dtype=np.bool_)
        self._nodes = nodes
        self._tally = Tally() if matcher is None else matcher.tally
        self.domains = DomainCounts(constraint.topology_key, self._tally, nodes)
        self._number = 0
        """How many domains have an included row, as of the last ``_two_least``."""
        self._least: tuple[int, int, int] | None = None
        self._among: tuple[int, Mask, int] | None = None

    def refresh(self) -> bool:
        if not self.domains.refresh(self.included):
            return False
        self._least = None
        return True

    def includes(self, row: int) -> bool:
        return bool(self.included[row])

    def least(self) -> int:
        """The fewest pods in any domain; 0 if there are fewer domains than the constraint asks for."""
        return 0 if self._are_too_few() else self._two_least()[0]

    def least_if(self, domain: int, pods: int) -> int:
        """The same if there were so many pods in this domain, which at least one node is in."""
        if self._are_too_few():
            return 0
        least, where, second = self._two_least()
        others = second if domain == where else least
        return min(others, pods) if self.domains.members[domain] else others

    def pods_on_rows(self) -> Ids:
        """int32[size]: the pods on each row alone, whether the row is included or not."""
        return self._tally.counts(self._nodes.size)

    def domains_among(self, considered: Mask) -> int:
        """How many domains the considered rows are in; rows without the label are in the domain of the empty value."""
        version = self._nodes.facts.sequence
        known = self._among
        if known is not None and known[0] == version and np.array_equal(known[1], considered):
            return known[2]
        seen = np.zeros(len(self.domains.sums), dtype=np.bool_)
        seen[self.domains.domain[considered]] = True
        empty = self._empty_value()
        number = int(np.count_nonzero(seen))
        if empty is not None and seen[empty] and seen[-1]:
            number -= 1
        self._among = (version, considered, number)
        return number

    def sums_with_empty(self) -> NDArray[np.int64]:
        """The sums, where pods on rows without the label count for the empty value. Do not write."""
        empty = self._empty_value()
        if empty is None:
            return self.domains.sums
        size = self._nodes.size
        lacking = (self.domains.domain < 0) & self.included[:size]
        sums = self.domains.sums.copy()
        sums[empty] += int(self._tally.counts(size)[lacking].sum())
        return sums

    def _empty_value(self) -> int | None:
        column = self._nodes.labels.column(self.constraint.topology_key)
        return None if column is None else column.values.id_of("")

    def _are_too_few(self) -> bool:
        self._two_least()
        return self._number < max(self.constraint.min_domains, 1)

    def _two_least(self) -> tuple[int, int, int]:
        """(fewest pods in a domain, which one, fewest in the others), counted once per change."""
        if self._least is None:
            there = self.domains.members > 0
            self._number = int(np.count_nonzero(there))
            pods = np.where(there, self.domains.sums, _MANY)
            where = int(pods.argmin())
            least = int(pods[where])
            pods[where] = _MANY
            self._least = (least, where, int(pods.min()))
        return self._least


class SpreadCounts:
    """The constraints of one kind, hard or soft, that hold for pods that are alike. Iterates them in order."""

    def __init__(
        self, constraints: tuple[Constraint, ...], pod: PodInfo, cache: Cache, *, needs_all_keys: bool
    ) -> None:
        self.constraints = constraints
        self.needs_all_keys = needs_all_keys
        """Whether nodes that lack the key of one constraint do not count for the others either."""
        self.have_all_keys: Mask = np.zeros(0, dtype=np.bool_)
        """bool[size]"""
        self._spec = pod.pod_class.spec
        self._matchers = cache.matchers
        self._nodes = cache.nodes
        self._facts = -1
        self._counted = tuple(self._of(constraint, pod.shape.namespace) for constraint in constraints)

    def __len__(self) -> int:
        return len(self._counted)

    def __iter__(self) -> Iterator[CountedConstraint]:
        return iter(self._counted)

    def refresh(self) -> bool:
        """True if anything changed."""
        if not self._counted:
            return False
        if self._nodes.facts.sequence != self._facts:
            self._follow_nodes()
        changed = False
        for counted in self._counted:
            changed |= counted.refresh()
        return changed

    def close(self) -> None:
        for counted in self._counted:
            if counted.matcher is not None:
                self._matchers.release(counted.matcher)

    def _of(self, constraint: Constraint, namespace: str) -> CountedConstraint:
        """An empty selector counts nothing, and neither does an absent one."""
        matcher = None
        if constraint.requirements:
            selector = PodSelector(frozenset({namespace}), None, constraint.requirements)
            matcher = self._matchers.acquire((selector,), terminating=False)
        return CountedConstraint(constraint, matcher, self._nodes)

    def _follow_nodes(self) -> None:
        """Which rows are included, anew for those that changed."""
        nodes = self._nodes
        changed = nodes.facts.since(self._facts)
        rows: Rows = slice(0, nodes.size) if changed is None or len(self.have_all_keys) < nodes.size else changed
        if isinstance(rows, slice):
            self.have_all_keys = np.zeros(nodes.size, dtype=np.bool_)
            for counted in self._counted:
                counted.included = np.zeros(nodes.size, dtype=np.bool_)
        self.have_all_keys[rows] = keys = self._have_all_keys(rows)
        selectable = selected(self._spec, nodes, rows) if selects_nodes(self._spec) else None
        for counted in self._counted:
            included = keys.copy() if self.needs_all_keys else nodes.live[rows].copy()
            if counted.constraint.honors_affinity and selectable is not None:
                included &= selectable
            if counted.constraint.honors_taints:
                included &= self._are_tolerated(rows)
            counted.included[rows] = included
        self._facts = nodes.facts.sequence

    def _have_all_keys(self, rows: Rows) -> Mask:
        nodes = self._nodes
        have: Mask = nodes.live[rows].copy()
        for constraint in self.constraints:
            column = nodes.labels.column(constraint.topology_key)
            if column is None:
                return np.zeros(count(rows), dtype=np.bool_)
            absent = column.values.id_of(None)
            if absent is not None:
                have &= column.ids[rows] != absent
        return have

    def _are_tolerated(self, rows: Rows) -> Mask:
        nodes, tolerations = self._nodes, self._spec.tolerations
        return nodes.taint_sets.gather(lambda taints: is_tolerated(tolerations, taints), nodes.taints[rows], np.bool_)
