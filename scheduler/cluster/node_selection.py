"""Which nodes a pod's node selector and required node affinity select (upstream: component-helpers
``scheduling/corev1/nodeaffinity``, GetRequiredNodeAffinity).

Owns the evaluation of node selector terms, for many rows at once and for a node that need not be in the table. What a
requirement means is in ``api.requirement``. Used by NodeAffinity, which filters by it, and by PodTopologySpread, which
may leave nodes out of its counts that the pod could not go to anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from scheduler.api.affinity import NodeSelector
from scheduler.api.node import Node
from scheduler.api.pod import PodSpec
from scheduler.api.requirement import Requirement, all_match
from scheduler.api.selectors import NAME_FIELD, Term, parse_terms
from scheduler.cluster.columns import Mask, Rows, count, indexes
from scheduler.cluster.node_table import NodeTable


def required_terms(spec: PodSpec) -> NodeSelector | None:
    """The required node affinity of a pod."""
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return affinity.required if affinity else None


def selects_nodes(spec: PodSpec) -> bool:
    """Whether the pod asks for certain nodes at all."""
    return bool(spec.node_selector) or required_terms(spec) is not None


def selected(spec: PodSpec, nodes: NodeTable, rows: Rows) -> Mask:
    """bool[rows]: the nodes that the pod's selector and required affinity select."""
    matches = np.ones(count(rows), dtype=np.bool_)
    for requirement in _node_selector(spec):
        matches &= nodes.labels.matching(requirement, rows)
    required = required_terms(spec)
    if required is not None:
        matches &= any_term(parse_terms(required.node_selector_terms), nodes, rows)
    return matches


def is_selected(spec: PodSpec, node: Node) -> bool:
    """The same as ``selected`` for a node that need not be in the table."""
    required = required_terms(spec)
    return all_match(_node_selector(spec), node.metadata.labels) and (
        required is None or any_term_of(parse_terms(required.node_selector_terms), node)
    )


def any_term(terms: Iterable[Term], nodes: NodeTable, rows: Rows) -> Mask:
    """bool[rows]: the nodes that some term selects."""
    matches = np.zeros(count(rows), dtype=np.bool_)
    for term in terms:
        matches |= matching(term, nodes, rows)
    return matches


def matching(term: Term, nodes: NodeTable, rows: Rows) -> Mask:
    """bool[rows]: the nodes that the term selects."""
    matches = np.ones(count(rows), dtype=np.bool_)
    for requirement in term.expressions:
        matches &= nodes.labels.matching(requirement, rows)
    for field in term.fields:
        matches &= _field(field, nodes, rows)
    return matches


def any_term_of(terms: Iterable[Term], node: Node) -> bool:
    """The same as ``any_term`` for a node that need not be in the table."""
    return any(
        all_match(term.expressions, node.metadata.labels)
        and all(field.matches(node.name if field.key == NAME_FIELD else "") for field in term.fields)
        for term in terms
    )


def _node_selector(spec: PodSpec) -> Iterator[Requirement]:
    for key, value in spec.node_selector.items():
        yield Requirement(key, "In", frozenset({value}))


def _field(field: Requirement, nodes: NodeTable, rows: Rows) -> Mask:
    if field.key != NAME_FIELD:
        return np.full(count(rows), field.matches(""))
    named = [row for row in map(nodes.row_of, field.values) if row is not None]
    return np.isin(indexes(rows), named, invert=field.operator == "NotIn")
