"""Topology spread constraints as pods state them. Only the shape: the plugin PodTopologySpread says what they mean."""

from __future__ import annotations

from typing import Literal

from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import WireStruct

InclusionPolicy = Literal["Honor", "Ignore"]


class TopologySpreadConstraint(WireStruct):
    max_skew: int = 1
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None
    match_label_keys: list[str] = []
    min_domains: int | None = None
    node_affinity_policy: InclusionPolicy | None = None
    node_taints_policy: InclusionPolicy | None = None
