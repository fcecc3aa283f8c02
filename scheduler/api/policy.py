"""PodDisruptionBudget: how many of a group of pods may go at the same time.

Owns the shape only. Which pods exceed their budgets is worked out in ``cluster.disruption_budgets``.
"""

from __future__ import annotations

import msgspec

from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import ObjectMeta, WireStruct


class PodDisruptionBudgetSpec(WireStruct):
    selector: LabelSelector | None = None


class PodDisruptionBudgetStatus(WireStruct):
    disruptions_allowed: int = 0
    disrupted_pods: dict[str, object] = {}
    """By the name of a pod whose eviction is under way, and counted already."""


class PodDisruptionBudget(WireStruct):
    metadata: ObjectMeta
    spec: PodDisruptionBudgetSpec = msgspec.field(default_factory=PodDisruptionBudgetSpec)
    status: PodDisruptionBudgetStatus = msgspec.field(default_factory=PodDisruptionBudgetStatus)

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
