"""InterPodAffinity: pods that want to be near certain other pods, or away from them, and those that others want so.

Mirrors ``plugins/interpodaffinity``. Which pods a term means, how many of them are where and which terms placed pods
carry is kept up to date by ``cluster.selection``; what a pod's own terms come to is in ``pod_affinity_terms``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Ids, Mask, RowIndexes
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.selection.carried_terms import CarriedTerm, Role
from scheduler.cluster.selection.domains import DomainCounts
from scheduler.cluster.selection.matchers import Matcher
from scheduler.cluster.selection.pod_selectors import PodTerm
from scheduler.cluster.shapes import PodShape
from scheduler.framework.plugin import ClusterPlugin, Leaving, PluginState, Scores
from scheduler.framework.status import AttemptError, Code, Rejection
from scheduler.plugins.arguments import InterPodAffinityArgs
from scheduler.plugins.pod_affinity_hints import (
    brings_company,
    changes_sides,
    leaves_room,
    moves_between_domains,
    opens_a_domain,
)
from scheduler.plugins.pod_affinity_terms import OwnTerms, UnparsableTerms, own_terms
from scheduler.queue.events import EventKind, QueueingHints, always

NAME = "InterPodAffinity"
NOT_TOGETHER = Rejection(Code.UNRESOLVABLE, NAME, ("node(s) didn't match pod affinity rules",))
NOT_APART = Rejection(Code.UNSCHEDULABLE, NAME, ("node(s) didn't match pod anti-affinity rules",))
BARRED = Rejection(Code.UNSCHEDULABLE, NAME, ("node(s) didn't satisfy existing pods anti-affinity rules",))

Weighted = list[tuple[DomainCounts, int]]


class InterPodAffinity(ClusterPlugin):
    """``args`` say what placed pods' terms count for."""

    name = NAME

    def __init__(self, args: InterPodAffinityArgs | None = None) -> None:
        self._args = args or InterPodAffinityArgs()

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.ASSIGNED_POD_ADD: brings_company,
            EventKind.ASSIGNED_POD_LABEL: changes_sides,
            EventKind.ASSIGNED_POD_DELETE: leaves_room,
            EventKind.TARGET_POD_LABEL: always,
            EventKind.NODE_ADD: opens_a_domain,
            EventKind.NODE_UPDATE_LABEL: moves_between_domains,
        }

    def state(self, pod: PodInfo, cache: Cache) -> AffinityState:
        return AffinityState(self._args, pod, cache)


class AffinityState(PluginState):
    """The terms of pods that are alike, and those of placed pods that mean them."""

    def __init__(self, args: InterPodAffinityArgs, pod: PodInfo, cache: Cache) -> None:
        self._args = args
        self._shape = pod.shape
        self._cache = cache
        self._nodes = cache.nodes
        try:
            self._own = own_terms(pod.pod_class)
        except UnparsableTerms as problem:
            self._own = OwnTerms()
            self.rejection = Rejection(Code.UNRESOLVABLE, NAME, (f"parsing pod: {problem}",))
        self._matchers: list[Matcher] = []
        self._together: list[DomainCounts] = []
        """Per required term, where pods are that match *all* of them."""
        if self._own.together:
            company = self._matcher(*self._own.together)
            self._together = [company.tally.by(term.topology_key, self._nodes) for term in self._own.together]
        self._apart = [self._counts(term) for term in self._own.apart]
        self._wishes: Weighted = [(self._counts(term), weight) for term, weight in self._own.wishes]
        self._barring: list[tuple[DomainCounts, CarriedTerm]] = []
        self._weighing: Weighted = []
        self._carried = self._namespaces = -1
        self._counted: list[DomainCounts] = []
        """All of the above."""
        self._versions: list[int] = []
        self._count_all()

    def refresh(self) -> bool:
        carried, namespaces = self._cache.carried_terms.version, self._cache.namespaces.version
        changed = False
        if carried != self._carried or namespaces != self._namespaces:
            changed = self._follow_carried_terms() or namespaces != self._namespaces
            self._carried, self._namespaces = carried, namespaces
        if not self._counted:
            return changed
        for counts in self._counted:
            counts.refresh()
        versions = [counts.version for counts in self._counted]
        if versions != self._versions:
            self._versions = versions
            changed = True
        return changed

    @property
    def skips(self) -> bool:
        """Whether the filter has nothing to ask: the pod requires nothing, and nobody bars it from any domain."""
        required = self._own.together or self._own.apart
        return not required and not any(counts.sums.any() for counts, _ in self._barring)

    def close(self) -> None:
        for matcher in self._matchers:
            self._cache.matchers.release(matcher)

    # Filter

    def mask(self) -> Mask | None:
        masks = [self._allows_together()] if self._together else []
        masks += [_without(counts) for counts in self._apart]
        masks += [_without(counts) for counts, _ in self._barring]
        return np.logical_and.reduce(masks) if masks else None

    def explain(self, rows: RowIndexes) -> tuple[Ids, Sequence[Rejection]]:
        ids = np.full(len(rows), 2, dtype=np.int32)
        for counts in self._apart:
            ids[~_without(counts)[rows]] = 1
        if self._together:
            ids[~self._allows_together()[rows]] = 0
        return ids, (NOT_TOGETHER, NOT_APART, BARRED)

    @property
    def leaving(self) -> Leaving:
        if self.skips:
            return Leaving.NEVER_MATTERS
        return Leaving.MAY_HURT if self._together else Leaving.ONLY_HELPS

    def rejection_if(self, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]) -> Rejection | None:
        """A pod without required terms that nobody bars is not asked about again, whoever comes: as upstream."""
        if self.skips:
            return None
        if not self._allows_together_if(row, gone, come):
            return NOT_TOGETHER
        for term, counts in zip(self._own.apart, self._apart, strict=True):
            if _pods(counts, row) + self._more((term,), counts, row, gone, come) > 0:
                return NOT_APART
        return BARRED if self._is_barred_if(row, gone, come) else None

    # Score

    def score(self, possible: Mask) -> Scores | None:
        """The sum of the weights of all terms that are met, or that placed pods find met, between the extremes."""
        if self.rejection is not None:
            raise AttemptError(self.rejection.reasons[0])
        if self._args.ignore_preferred_terms_of_existing_pods and not self._wishes:
            return None
        found = [(counts, weight) for counts, weight in (*self._wishes, *self._weighing) if counts.sums.any()]
        if not found:
            return None
        raw = np.zeros(self._nodes.size, dtype=np.int64)
        for table, counts in _by_key(found):
            raw += table[counts.domain]
        among = raw[possible]
        least, most = int(among.min()), int(among.max())
        if most == least:
            return np.zeros(len(raw), dtype=np.int64)
        return (100.0 * ((raw - least) / float(most - least))).astype(np.int64)

    # What is counted

    def _matcher(self, *terms: PodTerm) -> Matcher:
        """The placed pods that all of the terms mean."""
        selectors = tuple(term.selector for term in terms)
        matcher = self._cache.matchers.acquire(selectors, terminating=True)
        self._matchers.append(matcher)
        return matcher

    def _counts(self, term: PodTerm) -> DomainCounts:
        return self._matcher(term).tally.by(term.topology_key, self._nodes)

    def _follow_carried_terms(self) -> bool:
        """Which terms of placed pods mean this pod. True if they are others now."""
        barring, weighing = [], []
        for term in self._cache.carried_terms.about(self._shape):
            weight = self._args.hard_pod_affinity_weight if term.role is Role.DRAWS else term.weight
            if term.role is Role.BARS:
                barring.append((term.tally.by(term.term.topology_key, self._nodes), term))
            elif weight:
                weighing.append((term.tally.by(term.term.topology_key, self._nodes), weight))
        if barring == self._barring and weighing == self._weighing:
            return False
        self._barring, self._weighing = barring, weighing
        self._count_all()
        return True

    def _count_all(self) -> None:
        self._counted = [*self._together, *self._apart]
        self._counted += [counts for counts, _ in (*self._wishes, *self._barring, *self._weighing)]
        self.is_idle = self.rejection is None and not self._counted

    # The rules

    def _allows_together(self) -> Mask:
        """Every term's domain has a pod that matches all terms; or there is none anywhere, and the pod is the first."""
        have_keys: Mask = np.logical_and.reduce([counts.domain >= 0 for counts in self._together])
        if self._is_first(0):
            return have_keys
        for counts in self._together:
            have_keys &= (counts.sums > 0)[counts.domain]
        return have_keys

    def _is_first(self, more: int) -> bool:
        """No pod matches the terms in any domain, but this one does itself."""
        if any(int(counts.sums.sum()) + more for counts in self._together):
            return False
        return self._means(self._own.together, self._shape)

    def _means(self, terms: Iterable[PodTerm], shape: PodShape) -> bool:
        return all(term.selector.selects(shape, self._cache.namespaces) for term in terms)

    def _more(
        self,
        terms: Iterable[PodTerm],
        counts: DomainCounts,
        row: int,
        gone: Sequence[PlacedPod],
        come: Sequence[PlacedPod],
    ) -> int:
        """By how much the pods that all terms mean would be more in the row's domain."""
        if counts.domain.item(row) < 0:
            return 0
        terms = tuple(terms)
        return sum(self._means(terms, pod.shape) for pod in come) - sum(self._means(terms, pod.shape) for pod in gone)

    def _allows_together_if(self, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]) -> bool:
        if any(counts.domain.item(row) < 0 for counts in self._together):
            return False
        if not self._together:
            return True
        more = self._more(self._own.together, self._together[0], row, gone, come)
        return all(_pods(counts, row) + more > 0 for counts in self._together) or self._is_first(more)

    def _is_barred_if(self, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]) -> bool:
        for counts, term in self._barring:
            if _pods(counts, row) > sum(pod.terms.count(term) for pod in gone if counts.domain.item(row) >= 0):
                return True
        labels = self._nodes.node(row).metadata.labels
        namespaces = self._cache.namespaces
        return any(
            term.role is Role.BARS
            and term.term.topology_key in labels
            and term.term.selector.selects_newcomer(self._shape, namespaces)
            for pod in come
            for term in pod.terms
        )


def _without(counts: DomainCounts) -> Mask:
    """bool[size]: the rows in whose domain nothing is counted; those without the label are in none."""
    free: Mask = (counts.sums <= 0)[counts.domain]
    return free


def _pods(counts: DomainCounts, row: int) -> int:
    """What is counted in the row's domain; 0 if it is in none."""
    return counts.sums.item(counts.domain.item(row))


def _by_key(weighted: Weighted) -> Iterator[tuple[Scores, DomainCounts]]:
    """Per label, the weighted sums per domain, and counts that know the rows' domains."""
    keys: dict[str, Weighted] = {}
    for counts, weight in weighted:
        keys.setdefault(counts.topology_key, []).append((counts, weight))
    for group in keys.values():
        table = np.zeros(max(len(counts.sums) for counts, _ in group), dtype=np.int64)
        for counts, weight in group:
            table[: len(counts.sums) - 1] += counts.sums[:-1] * weight
        yield table, group[0][0]
