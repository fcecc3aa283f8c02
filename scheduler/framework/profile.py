"""A profile: which plugins decide for pods of one scheduler name, in which order, with which weights.

Owns what the cycle needs to know of plugins as a set. Which plugins there are is the catalogue's business
(``plugins.catalogue``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduler.api.pod import Pod
from scheduler.framework.plugin import ClusterPlugin, PreFilterPlugin, ScorePlugin
from scheduler.framework.post_filter import PostFilterPlugin
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHint, QueueingHints

MAX_TOTAL = 2**24 - 1
"""Greatest total score of a node: 100 for each point of weight. The rest of an int64 breaks ties."""


@dataclass(frozen=True, slots=True)
class Profile:
    """``filters`` in the order in which they are asked; ``scores`` with their weights, at least 1."""

    scheduler_name: str
    filters: tuple[PreFilterPlugin, ...]
    scores: tuple[tuple[ScorePlugin | ClusterPlugin, int], ...]
    post_filters: tuple[PostFilterPlugin, ...] = ()
    """Asked in this order once no node is left."""

    def __post_init__(self) -> None:
        for plugin, weight in self.scores:
            if weight < 1:
                raise ValueError(f"profile {self.scheduler_name}: weight {weight} of {plugin.name} is not positive")
        total = sum(weight for _, weight in self.scores)
        if total * 100 > MAX_TOTAL:
            raise ValueError(f"profile {self.scheduler_name}: weights sum to {total}, more than {MAX_TOTAL // 100}")

    @property
    def hints(self) -> Mapping[str, QueueingHints]:
        """What each filter plugin would have a rejected pod wait for."""
        return {plugin.name: plugin.hints for plugin in self.filters}


def hints_of(profiles: Sequence[Profile]) -> Mapping[str, QueueingHints]:
    """The same of several profiles: a pod is asked about by the hints of the profile that it names."""
    if len(profiles) == 1:
        return profiles[0].hints
    kinds: dict[str, set[EventKind]] = {}
    by_profile = {profile.scheduler_name: profile.hints for profile in profiles}
    for hints in by_profile.values():
        for plugin, declared in hints.items():
            kinds.setdefault(plugin, set()).update(declared)
    return {plugin: {kind: _hint_by_name(by_profile, plugin, kind) for kind in kinds[plugin]} for plugin in kinds}


def _hint_by_name(by_profile: Mapping[str, Mapping[str, QueueingHints]], plugin: str, kind: EventKind) -> QueueingHint:
    declared = {name: hints[plugin][kind] for name, hints in by_profile.items() if kind in hints.get(plugin, {})}

    def helps(pod: Pod, event: ClusterEvent) -> bool:
        hint = declared.get(pod.spec.scheduler_name)
        return hint is not None and hint(pod, event)

    return helps
