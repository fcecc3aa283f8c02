"""NodeAffinity: the pod's node selector, required and preferred node affinity, and what the administrator adds to it.

Mirrors ``plugins/nodeaffinity``. Which nodes a selector selects is found out in ``cluster.node_selection``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scheduler.api.affinity import NodeAffinity as NodeAffinitySpec
from scheduler.api.affinity import NodeSelector, PreferredSchedulingTerm
from scheduler.api.node import Node
from scheduler.api.pod import Pod, PodSpec
from scheduler.api.selectors import NAME_FIELD, InvalidSelector, Term, is_empty, parse_term
from scheduler.cluster.columns import Ids, Mask, Rows, count
from scheduler.cluster.node_selection import any_term, any_term_of, is_selected, matching, required_terms, selected
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import (
    SKIP,
    FilterPlugin,
    Normalization,
    OnlyNodes,
    PreFilterAnswer,
    ScorePlugin,
    Scores,
    Skip,
)
from scheduler.framework.status import AttemptError, Code, Rejection
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_ADDED = "node(s) didn't match scheduler-enforced node affinity"
REASON_CONFLICT = "pod affinity terms conflict"

Preferences = tuple[tuple[Term, int], ...]
"""(term, weight)"""


class NodeAffinity(FilterPlugin, ScorePlugin):
    """``added``: affinity that holds for every pod of the profile. Raises InvalidSelector if that is malformed."""

    name = "NodeAffinity"
    normalization = Normalization.SCALED

    def __init__(self, added: NodeAffinitySpec | None = None) -> None:
        self._added: tuple[Term, ...] | None = None
        self._added_preferences: Preferences = ()
        if added is not None:
            if added.required is not None:
                terms = added.required.node_selector_terms
                self._added = tuple(parse_term(term) for term in terms if not is_empty(term))
            self._added_preferences = _preferences(added.preferred)

    @property
    def hints(self) -> QueueingHints:
        return {EventKind.NODE_ADD: self._became_a_match, EventKind.NODE_UPDATE_LABEL: self._became_a_match}

    # Filter

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        required = required_terms(pod_class.spec)
        if required is None:
            return SKIP if self._added is None and not pod_class.spec.node_selector else None
        names = _only_names(required)
        if names is None:
            return None
        if not names:
            return Rejection(Code.UNRESOLVABLE, self.name, (REASON_CONFLICT,))
        return OnlyNodes(names)

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        return self._matches_added(nodes, rows) & selected(pod_class.spec, nodes, rows)

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        ids = self._matches_added(nodes, rows).astype(np.int32)
        return ids, [Rejection(Code.UNRESOLVABLE, self.name, (reason,)) for reason in (REASON_ADDED, REASON)]

    # Score

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        if not (_preferred(pod_class.spec) or self._added_preferences):
            return SKIP
        try:
            _preferences(_preferred(pod_class.spec))
        except InvalidSelector as error:
            raise AttemptError(str(error)) from error
        return None

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        """The sum of the weights of the preferences that the node meets."""
        total = np.zeros(count(rows), dtype=np.int64)
        for term, weight in (*self._added_preferences, *_preferences(_preferred(pod_class.spec))):
            total += matching(term, nodes, rows) * weight
        return total

    # Private

    def _matches_added(self, nodes: NodeTable, rows: Rows) -> Mask:
        if self._added is None:
            return np.ones(count(rows), dtype=np.bool_)
        return any_term(self._added, nodes, rows)

    def _became_a_match(self, pod: Pod, event: ClusterEvent) -> bool:
        """The node meets all that is required and did not before, or is new."""
        was = isinstance(event.old, Node) and self._is_match(pod.spec, event.old)
        return isinstance(event.new, Node) and self._is_match(pod.spec, event.new) and not was

    def _is_match(self, spec: PodSpec, node: Node) -> bool:
        """The same as ``filter`` for a node that need not be in the table."""
        return (self._added is None or any_term_of(self._added, node)) and is_selected(spec, node)


# What the pod says


def _preferred(spec: PodSpec) -> Sequence[PreferredSchedulingTerm]:
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return affinity.preferred if affinity else ()


def _preferences(preferred: Iterable[PreferredSchedulingTerm]) -> Preferences:
    """Those that can count. Raises InvalidSelector, naming every problem by its position in the list."""
    usable = []
    problems: list[str] = []
    for i, term in enumerate(preferred):
        if not term.weight or is_empty(term.preference):
            continue
        try:
            usable.append((parse_term(term.preference, f"[{i}]"), term.weight))
        except InvalidSelector as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidSelector(*problems)
    return tuple(usable)


def _only_names(required: NodeSelector) -> frozenset[str] | None:
    """The nodes that the terms name, if every term names some; None if one does not."""
    names: frozenset[str] = frozenset()
    for term in required.node_selector_terms:
        lists = [frozenset(f.values) for f in term.match_fields if f.key == NAME_FIELD and f.operator == "In"]
        if not lists:
            return None
        names |= frozenset.intersection(*lists)
    return names if required.node_selector_terms else None
