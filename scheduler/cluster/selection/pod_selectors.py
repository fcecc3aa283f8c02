"""Pod selectors: the pods that a term of pod (anti-)affinity means, by their namespaces and labels.

Owns the meaning (upstream: ``pkg/scheduler/framework/types.go``, AffinityTerm; ``plugins/interpodaffinity``). The
namespace selector reads differently by whose term it is: a pending pod's is resolved to the namespaces that exist, a
placed pod's is held against the labels of the newcomer's namespace, or none if that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scheduler.api.affinity import PodAffinityTerm
from scheduler.api.requirement import Requirement, all_match
from scheduler.api.selectors import parse_label_selector
from scheduler.cluster.selection.namespaces import NO_LABELS, NamespaceLabels
from scheduler.cluster.shapes import PodShape

Requirements = tuple[Requirement, ...]
"""All must hold; none selects everything."""


@dataclass(frozen=True, slots=True)
class PodSelector:
    """``namespace_selector``: None selects no namespace, an empty one all. ``requirements``: None selects no pod."""

    namespaces: frozenset[str]
    namespace_selector: Requirements | None
    requirements: Requirements | None

    def selects(self, shape: PodShape, namespaces: NamespaceLabels) -> bool:
        """Whether it means placed pods of this shape, as a pending pod's selector."""
        return self._selects_labels(shape) and self._is_in_scope(shape.namespace, namespaces)

    def selects_newcomer(self, shape: PodShape, namespaces: NamespaceLabels) -> bool:
        """Whether it means a pending pod of this shape, as a placed pod's selector."""
        if not self._selects_labels(shape):
            return False
        if shape.namespace in self.namespaces:
            return True
        labels: Mapping[str, str] = namespaces.get(shape.namespace) or NO_LABELS
        return self.namespace_selector is not None and all_match(self.namespace_selector, labels)

    def _selects_labels(self, shape: PodShape) -> bool:
        return self.requirements is not None and all_match(self.requirements, shape.labels)

    def _is_in_scope(self, namespace: str, namespaces: NamespaceLabels) -> bool:
        if namespace in self.namespaces:
            return True
        if not self.namespace_selector:
            return self.namespace_selector is not None
        labels = namespaces.get(namespace)
        return labels is not None and all_match(self.namespace_selector, labels)


@dataclass(frozen=True, slots=True)
class PodTerm:
    """Pods, and the node label whose values tell what "together with them" means."""

    topology_key: str
    selector: PodSelector


def parse_pod_term(term: PodAffinityTerm, owner_namespace: str) -> PodTerm:
    """Raises InvalidSelector."""
    namespaces = frozenset(term.namespaces)
    if not namespaces and term.namespace_selector is None:
        namespaces = frozenset({owner_namespace})
    among = None if term.namespace_selector is None else parse_label_selector(term.namespace_selector)
    requirements = None if term.label_selector is None else parse_label_selector(term.label_selector)
    return PodTerm(term.topology_key, PodSelector(namespaces, among, requirements))
