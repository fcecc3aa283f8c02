"""Brings in disruption budgets: which pods may go at the same time.

A change wakes no waiting pod: as in kube-scheduler, it counts at the next preemption.
"""

from __future__ import annotations

from scheduler.api.policy import PodDisruptionBudget
from scheduler.cluster.cache import Cache


class BudgetWatch:
    """The handler of the reflector of PodDisruptionBudgets."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[str, PodDisruptionBudget] = {}

    def replaced(self, budgets: list[PodDisruptionBudget]) -> None:
        """A fresh list: whatever is not on it is gone."""
        for key in self._known.keys() - {budget.key for budget in budgets}:
            self.deleted(self._known[key])
        for budget in budgets:
            self.modified(budget)

    def added(self, budget: PodDisruptionBudget) -> None:
        self.modified(budget)

    def modified(self, budget: PodDisruptionBudget) -> None:
        self._known[budget.key] = budget
        self._cache.budgets.put(budget)

    def deleted(self, budget: PodDisruptionBudget) -> None:
        self._known.pop(budget.key, None)
        self._cache.budgets.drop(budget)
