"""Affinity as pods state it: node affinity in full; of pod (anti-)affinity, that it is there.

Only the shape. What a term means is in ``selectors``; whether a node satisfies it, in the plugin NodeAffinity.
"""

from __future__ import annotations

import msgspec

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


class PodAffinity(WireStruct):
    required: list[msgspec.Raw] = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default_factory=list
    )
    preferred: list[msgspec.Raw] = msgspec.field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default_factory=list
    )


class Affinity(WireStruct):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None
