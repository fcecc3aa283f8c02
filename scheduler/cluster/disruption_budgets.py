"""The disruption budgets in the cluster, and which pods would exceed them if a list of pods went.

Owns the rule (upstream: ``plugins/defaultpreemption``, FilterVictimsWithPDBViolation). What follows from it for a
preemption is in ``framework.preemption``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from scheduler.api.pod import Pod
from scheduler.api.policy import PodDisruptionBudget


class DisruptionBudgets:
    """By namespace and name."""

    def __init__(self) -> None:
        self._budgets: dict[str, dict[str, PodDisruptionBudget]] = {}

    def __bool__(self) -> bool:
        return bool(self._budgets)

    def put(self, budget: PodDisruptionBudget) -> None:
        """A budget is there, or changed."""
        self._budgets.setdefault(budget.metadata.namespace, {})[budget.metadata.name] = budget

    def drop(self, budget: PodDisruptionBudget) -> None:
        """A budget is gone."""
        known = self._budgets.get(budget.metadata.namespace, {})
        known.pop(budget.metadata.name, None)
        if not known:
            self._budgets.pop(budget.metadata.namespace, None)

    def exceeding(self, pods: Iterable[Pod]) -> list[bool]:
        """Of each pod, whether a budget would be exceeded if it and those before it in the list went.

        A pod takes from every budget that selects it, until one of them is exceeded. Pods without labels are selected
        by none, and an absent or empty selector selects nothing, though elsewhere in Kubernetes it means all.
        """
        allowed: dict[str, int] = {}
        return [self._exceeds(pod, allowed) for pod in pods]

    def spend(self, pod: Pod) -> None:
        """The pod went: its budgets allow one less, as the disruption controller would find."""
        for budget in list(self._selecting(pod)):
            left = max(0, budget.status.disruptions_allowed - 1)
            status = msgspec.structs.replace(budget.status, disruptions_allowed=left)
            self.put(msgspec.structs.replace(budget, status=status))

    def _selecting(self, pod: Pod) -> Iterator[PodDisruptionBudget]:
        labels = pod.metadata.labels
        budgets = self._budgets.get(pod.metadata.namespace) if labels else None
        for budget in (budgets or {}).values():
            selector = budget.spec.selector
            if selector is None or not (selector.match_labels or selector.match_expressions):
                continue
            if selector.selects(labels) and pod.metadata.name not in budget.status.disrupted_pods:
                yield budget

    def _exceeds(self, pod: Pod, allowed: dict[str, int]) -> bool:
        for budget in self._selecting(pod):
            left = allowed.get(budget.key, budget.status.disruptions_allowed) - 1
            allowed[budget.key] = left
            if left < 0:
                return True
        return False
