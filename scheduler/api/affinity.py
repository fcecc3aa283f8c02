"""Affinity as pods state it: to nodes, and to or against other pods.

Only the shape. What a selector means is in ``selectors``; whether a node satisfies it, in ``cluster.node_selection``;
which pods it selects, in ``cluster.pod_selectors``.
"""

from __future__ import annotations

import msgspec

from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import WireStruct


class NodeSelectorRequirement(WireStruct):
    key: str
    operator: str
    values: list[str] = []


class NodeSelectorTerm(WireStruct):
    match_expressions: list[NodeSelectorRequirement] = []
    match_fields: list[NodeSelectorRequirement] = []


class NodeSelector(WireStruct):
    node_selector_terms: list[NodeSelectorTerm]


class PreferredSchedulingTerm(WireStruct):
    weight: int
    preference: NodeSelectorTerm


class NodeAffinity(WireStruct):
    required: NodeSelector | None = msgspec.field(name="requiredDuringSchedulingIgnoredDuringExecution", default=None)
    preferred: list[PreferredSchedulingTerm] = msgspec.field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default_factory=list
    )


class PodAffinityTerm(WireStruct):
    """The API server has merged the label keys into the selector, so only that counts."""

    topology_key: str = ""
    label_selector: LabelSelector | None = None
    namespaces: list[str] = []
    namespace_selector: LabelSelector | None = None


class WeightedPodAffinityTerm(WireStruct):
    weight: int = 0
    pod_affinity_term: PodAffinityTerm = msgspec.field(default_factory=PodAffinityTerm)


class PodAffinity(WireStruct):
    """Of ``podAffinity`` and ``podAntiAffinity`` alike."""

    required: list[PodAffinityTerm] = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default_factory=list
    )
    preferred: list[WeightedPodAffinityTerm] = msgspec.field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default_factory=list
    )


class Affinity(WireStruct):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None
