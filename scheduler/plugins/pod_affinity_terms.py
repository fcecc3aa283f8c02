"""A pod's own terms of pod affinity and anti-affinity, parsed.

Owns the reading, and the sentence about terms that cannot be read (upstream: ``pkg/scheduler/framework/types.go``,
PodInfo.Update). What they come to is ``inter_pod_affinity``'s business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scheduler.api.affinity import PodAffinity, PodAffinityTerm
from scheduler.api.pod import Pod
from scheduler.api.selectors import InvalidSelector
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.selection.pod_selectors import PodTerm, parse_pod_term


class UnparsableTerms(ValueError):
    """Terms that can be written but not evaluated; the text names the lists they are in."""


@dataclass(frozen=True, slots=True)
class OwnTerms:
    """``together`` and ``apart`` are required; ``wishes`` have weights, negative for staying away."""

    together: tuple[PodTerm, ...] = ()
    apart: tuple[PodTerm, ...] = ()
    wishes: tuple[tuple[PodTerm, int], ...] = ()


def own_terms(pod: PodClass | Pod) -> OwnTerms:
    """Raises UnparsableTerms."""
    affinity = pod.spec.affinity
    if affinity is None or (affinity.pod_affinity is None and affinity.pod_anti_affinity is None):
        return OwnTerms()
    namespace = pod.namespace if isinstance(pod, PodClass) else pod.metadata.namespace
    near, away = affinity.pod_affinity or PodAffinity(), affinity.pod_anti_affinity or PodAffinity()
    lists = (
        ("requiredAffinityTerms", near.required),
        ("requiredAntiAffinityTerms", away.required),
        ("preferredAffinityTerms", [wish.pod_affinity_term for wish in near.preferred]),
        ("preferredAntiAffinityTerms", [wish.pod_affinity_term for wish in away.preferred]),
    )
    problems: list[str] = []
    together, apart, liked, disliked = (_parsed(name, terms, namespace, problems) for name, terms in lists)
    if problems:
        raise UnparsableTerms(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
    wishes = [(term, wish.weight) for term, wish in zip(liked, near.preferred, strict=True)]
    wishes += [(term, -wish.weight) for term, wish in zip(disliked, away.preferred, strict=True)]
    return OwnTerms(together, apart, tuple(wishes))


def _parsed(name: str, terms: Iterable[PodAffinityTerm], namespace: str, problems: list[str]) -> tuple[PodTerm, ...]:
    try:
        return tuple(parse_pod_term(term, namespace) for term in terms)
    except InvalidSelector as error:
        problems.append(f"{name}: {error}")
        return ()
