"""The disruption budgets in the cluster, and which pods would exceed them if a list of pods went.

Owns the rule (upstream: ``plugins/defaultpreemption``, FilterVictimsWithPDBViolation). What follows from it for a
preemption is in ``framework.preemption``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from scheduler.api.pod import Pod
from scheduler.api.policy import PodDisruptionBudget

MAX_REMEMBERED = 16_384
"""Distinct labels of pods for which it is remembered which budgets select them."""


class DisruptionBudgets:
    """By namespace and name."""

    def __init__(self) -> None:
        self.version = 0
        """Rises whenever a budget comes, changes or goes."""
        self.selection = 0
        """Rises when budgets may select other pods than before."""
        self._budgets: dict[str, dict[str, PodDisruptionBudget]] = {}
        self._guarding: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[str, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._budgets)

    def put(self, budget: PodDisruptionBudget) -> None:
        """A budget is there, or changed."""
        known = self._budgets.setdefault(budget.metadata.namespace, {})
        before = known.get(budget.metadata.name)
        known[budget.metadata.name] = budget
        self.version += 1
        if before is None or before.spec != budget.spec:
            self._select_anew()

    def drop(self, budget: PodDisruptionBudget) -> None:
        """A budget is gone."""
        known = self._budgets.get(budget.metadata.namespace, {})
        known.pop(budget.metadata.name, None)
        if not known:
            self._budgets.pop(budget.metadata.namespace, None)
        self.version += 1
        self._select_anew()

    def __iter__(self) -> Iterator[PodDisruptionBudget]:
        for budgets in self._budgets.values():
            yield from budgets.values()

    def guarding(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The names of the budgets that select pods with these labels in a namespace, in the order they count."""
        key = (namespace, tuple(labels.items()))
        found = self._guarding.get(key)
        if found is None:
            if len(self._guarding) >= MAX_REMEMBERED:
                self._guarding.clear()
            budgets = self._budgets.get(namespace, {}) if labels else {}
            found = tuple(name for name, budget in budgets.items() if _selects(budget, labels))
            self._guarding[key] = found
        return found

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
        budgets = self._budgets.get(pod.metadata.namespace, {})
        for name in self.guarding(pod.metadata.namespace, pod.metadata.labels) if budgets else ():
            budget = budgets[name]
            if pod.metadata.name not in budget.status.disrupted_pods:
                yield budget

    def _exceeds(self, pod: Pod, allowed: dict[str, int]) -> bool:
        for budget in self._selecting(pod):
            left = allowed.get(budget.key, budget.status.disruptions_allowed) - 1
            allowed[budget.key] = left
            if left < 0:
                return True
        return False

    def _select_anew(self) -> None:
        self.selection += 1
        self._guarding.clear()


def _selects(budget: PodDisruptionBudget, labels: Mapping[str, str]) -> bool:
    selector = budget.spec.selector
    if selector is None or not (selector.match_labels or selector.match_expressions):
        return False
    return selector.selects(labels)
