"""Which node groups are worth growing for some pods, by what the pods' images were built for.

Owns the order: a group on whose nodes no pod can run is dropped; of the others those are best on which most of the pods
can run, and among these the ones whose platform has the greatest weight. All that are equal are kept, for the next
expander to choose from. What is not known, of an image or of a node, speaks neither for nor against a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from scheduler.images.matching import MatchRules, match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.pod_images import ResolvedImage
from scheduler.images.runtime import Runtime
from scheduler.images.verdict import Outcome, PodVerdict

_RUNTIMES = tuple(runtime for runtime in Runtime if runtime is not Runtime.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Demand:
    """What pods of one kind ask of a node."""

    images: tuple[ResolvedImage, ...]
    required_os: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A node group: the platform of its nodes, and how many pods of each demand (by its index) would find room."""

    platform: NodePlatform
    pods: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Groups by their index: the best ones, in order, and those dropped with a reason that stands for all."""

    best: tuple[int, ...]
    dropped: Mapping[int, str]


def rank(groups: Sequence[Group], demands: Sequence[Demand], weights: PlatformWeights, rules: MatchRules) -> Ranking:
    """The ranking. ``best`` is empty only when every group is dropped, or there is none."""
    verdicts: dict[tuple[NodePlatform, int], PodVerdict] = {}
    values: dict[int, tuple[int, int] | None] = {}
    dropped: dict[int, str] = {}
    for index, group in enumerate(groups):
        possible, reason = 0, ""
        for number, count in group.pods.items():
            key = (group.platform, number)
            verdict = verdicts.get(key)
            if verdict is None:
                verdict = verdicts[key] = verdict_of(demands[number], group.platform, rules)
            if verdict.outcome is Outcome.NO_MATCH:
                reason = reason or verdict.reason
            else:
                possible += count
        if possible:
            values[index] = (possible, weights.of(group.platform))
        elif group.pods:
            dropped[index] = reason
        else:
            values[index] = None  # an autoscaler could not write down which pods: nothing is known of the group
    highest = max((value for value in values.values() if value is not None), default=None)
    return Ranking(tuple(index for index, value in values.items() if value in (None, highest)), dropped)


def verdict_of(demand: Demand, platform: NodePlatform, rules: MatchRules) -> PodVerdict:
    """NO_MATCH only if no pod of the demand can run on such a node, whatever the node does not tell of its runtime.

    Templates of node groups that have no node yet often name none.
    """
    runtimes = _RUNTIMES if platform.runtime is Runtime.UNKNOWN else (platform.runtime,)
    verdicts = [
        match_pod(demand.images, demand.required_os, msgspec.structs.replace(platform, runtime=runtime), rules)
        for runtime in runtimes
    ]
    first = verdicts[0]
    if all(verdict.outcome is first.outcome for verdict in verdicts):
        return first
    return next((verdict for verdict in verdicts if verdict.outcome is Outcome.UNKNOWN), PodVerdict(Outcome.UNKNOWN))
