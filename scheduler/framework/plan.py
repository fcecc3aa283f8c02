"""What there is to do for one pod class: which plugins apply, in which order, and whether to start at all.

Owns the semantics of PreFilter and PreScore (upstream: ``framework/runtime/framework.go``): who skips, which rejection
wins, how sets of node names are intersected. A plan depends on pod class and profile only, never on nodes; what a
plugin that is not row-local finds in the cluster is asked at every decision (``pod_evaluation``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import (
    SKIP,
    ClusterPlugin,
    CounterFilter,
    CounterScore,
    FilterPlugin,
    Normalization,
    OnlyNodes,
    ScorePlugin,
    Skip,
)
from scheduler.framework.profile import Profile
from scheduler.framework.status import AttemptError, Code, Rejection


@dataclass(frozen=True, slots=True)
class Plan:
    """``rejection`` ends the attempt before any node is looked at; the rest is then empty.

    ``filters`` are those that did not skip, in order; the verdict arrays number them by ``FIRST_FILTER`` + position.
    ``only_nodes``: the names that are left after PreFilter, ``narrowed_by`` the plugins that said so.
    ``score_error``: why scores cannot be had, which matters only when there is a choice.
    """

    rejection: Rejection | None
    filters: tuple[FilterPlugin | ClusterPlugin, ...] = ()
    only_nodes: frozenset[str] | None = None
    narrowed_by: tuple[str, ...] = ()
    fixed_scores: tuple[tuple[ScorePlugin, int], ...] = ()
    """Scores by facts that are used as they are."""
    scaled_scores: tuple[tuple[ScorePlugin, int], ...] = ()
    """Scores by facts that are normalised over the feasible nodes."""
    counter_scores: tuple[tuple[CounterScore, int], ...] = ()
    cluster_scores: tuple[tuple[ClusterPlugin, int], ...] = ()
    """Scores that are not row-local."""
    zero_scores: tuple[str, ...] = ()
    """Plugins that score every node 0."""
    score_error: AttemptError | None = None

    @property
    def narrowed_out(self) -> Rejection:
        """The status of nodes that PreFilter left out."""
        return self.left_out_by(self.narrowed_by)

    def left_out_by(self, plugins: Iterable[str]) -> Rejection:
        """The same where these plugins are to blame."""
        reason = f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(plugins))}]"
        return Rejection(Code.UNRESOLVABLE, "", (reason,))


PASSED = 0
"""In verdict arrays: no filter by facts rejects the row."""
NARROWED_OUT = 1
FIRST_FILTER = 2
NO_NODE = 255
MAX_FILTERS = NO_NODE - FIRST_FILTER


def make_plan(pod_class: PodClass, profile: Profile) -> Plan:
    """Ask every plugin of the profile whether it applies to the class."""
    filters: list[FilterPlugin | ClusterPlugin] = []
    only_nodes: frozenset[str] | None = None
    narrowed_by: list[str] = []
    rejection: Rejection | None = None
    for plugin in profile.filters:
        answer = plugin.pre_filter(pod_class)
        if answer is SKIP:
            continue
        if isinstance(plugin, FilterPlugin | ClusterPlugin):
            filters.append(plugin)
        if isinstance(answer, Rejection):
            rejection = answer
        elif isinstance(answer, OnlyNodes):
            narrowed_by.append(plugin.name)
            only_nodes = answer.names if only_nodes is None else only_nodes & answer.names
            if not only_nodes:
                rejection = _nothing_left(narrowed_by)
        if rejection is not None and rejection.code is Code.UNRESOLVABLE:
            break  # a plain Unschedulable is remembered, the last one wins
    if rejection is not None:
        return Plan(rejection, narrowed_by=tuple(narrowed_by))
    return _with_scores(pod_class, profile, tuple(filters), only_nodes, tuple(narrowed_by))


def _nothing_left(narrowed_by: list[str]) -> Rejection:
    if len(narrowed_by) == 1:
        reason = f"node(s) didn't satisfy plugin {narrowed_by[0]}"
    else:
        reason = f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(narrowed_by))}] simultaneously"
    return Rejection(Code.UNRESOLVABLE, "", (reason,))


def _with_scores(
    pod_class: PodClass,
    profile: Profile,
    filters: tuple[FilterPlugin | ClusterPlugin, ...],
    only_nodes: frozenset[str] | None,
    narrowed_by: tuple[str, ...],
) -> Plan:
    fixed: list[tuple[ScorePlugin, int]] = []
    scaled: list[tuple[ScorePlugin, int]] = []
    counters: list[tuple[CounterScore, int]] = []
    cluster: list[tuple[ClusterPlugin, int]] = []
    zero: list[str] = []
    error: AttemptError | None = None
    for plugin, weight in profile.scores:
        try:
            answer = plugin.pre_score(pod_class)
        except AttemptError as problem:
            error = error or AttemptError(f'running PreScore plugin "{plugin.name}": {problem}')
            continue
        if answer is SKIP:
            continue
        if answer is Skip.ZERO:
            zero.append(plugin.name)
        elif isinstance(plugin, ClusterPlugin):
            cluster.append((plugin, weight))
        elif isinstance(plugin, CounterScore):
            counters.append((plugin, weight))
        elif plugin.normalization is Normalization.NONE:
            fixed.append((plugin, weight))
        else:
            scaled.append((plugin, weight))
    return Plan(
        None,
        filters,
        only_nodes,
        narrowed_by,
        tuple(fixed),
        tuple(scaled),
        tuple(counters),
        tuple(cluster),
        tuple(zero),
        error,
    )


def counter_filters(plan: Plan) -> tuple[tuple[int, CounterFilter], ...]:
    """(number in verdict arrays, filter) of those that look at what is placed on nodes."""
    return tuple((FIRST_FILTER + i, f) for i, f in enumerate(plan.filters) if isinstance(f, CounterFilter))


def fact_filters(plan: Plan) -> tuple[tuple[int, FilterPlugin], ...]:
    """(number in verdict arrays, filter) of those that look at the nodes themselves only."""
    return tuple(
        (FIRST_FILTER + i, f)
        for i, f in enumerate(plan.filters)
        if isinstance(f, FilterPlugin) and not isinstance(f, CounterFilter)
    )


def cluster_filters(plan: Plan) -> tuple[tuple[int, ClusterPlugin], ...]:
    """(number in verdict arrays, filter) of those that are not row-local."""
    return tuple((FIRST_FILTER + i, f) for i, f in enumerate(plan.filters) if isinstance(f, ClusterPlugin))
