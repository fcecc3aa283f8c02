"""The arguments of plugins, one struct each, as a KubeSchedulerConfiguration spells them.

Owns their shape, their defaults (upstream: ``pkg/scheduler/apis/config/v1/defaults.go``) and what values make sense
(``pkg/scheduler/apis/config/validation/validation_pluginargs.go``). What a plugin makes of them is in its file; how
they are read is the business of ``config.scheduler_configuration``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, TypeVar

import msgspec

from scheduler.api.affinity import NodeAffinity
from scheduler.api.selectors import InvalidSelector, key_problem, parse_term
from scheduler.images.platform import InvalidPlatform, parse_platform
from scheduler.images.unknown_policy import InvalidUnknownPolicy, parse_unknown_policy

MAX_WEIGHT = 100
MAX_UTILIZATION = 100
MAX_POINT_SCORE = 10
"""Scores of shapes are given in tenths of a node's score."""


class InvalidArguments(ValueError):
    """Arguments that can be written but make no sense. The text begins with the field."""


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The arguments of one plugin, or a part of them. Unknown fields are errors."""

    def check(self) -> None:
        """What the types do not tell. Raises InvalidArguments."""


A = TypeVar("A", bound=Arguments)


class ResourceSpec(Arguments, frozen=True):
    """A resource to score by. Weight 0 stands for 1, as upstream defaults it."""

    name: str
    weight: int = 1


ResourceWeights = tuple[tuple[str, int], ...]
"""(resource name, weight)"""

DEFAULT_RESOURCES: ResourceWeights = (("cpu", 1), ("memory", 1))


class ShapePoint(Arguments, frozen=True):
    """A point of a broken line: utilisation in percent -> score, 0 to 10."""

    utilization: int
    score: int


class RequestedToCapacityRatioParam(Arguments, frozen=True):
    shape: tuple[ShapePoint, ...] = ()


class ScoringStrategy(Arguments, frozen=True):
    type: Literal["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] = "LeastAllocated"
    resources: tuple[ResourceSpec, ...] = ()
    """Default: cpu and memory."""
    requested_to_capacity_ratio: RequestedToCapacityRatioParam | None = None

    @property
    def weights(self) -> ResourceWeights:
        return tuple((resource.name, resource.weight or 1) for resource in self.resources) or DEFAULT_RESOURCES

    @property
    def shape(self) -> tuple[ShapePoint, ...]:
        return self.requested_to_capacity_ratio.shape if self.requested_to_capacity_ratio else ()


class NodeResourcesFitArgs(Arguments, frozen=True):
    ignored_resources: tuple[str, ...] = ()
    """Extended resources that are not looked at."""
    ignored_resource_groups: tuple[str, ...] = ()
    """The same by what stands before the slash."""
    scoring_strategy: ScoringStrategy = ScoringStrategy()

    def check(self) -> None:
        for i, name in enumerate(self.ignored_resources):
            if key_problem(name):
                raise InvalidArguments(f"ignoredResources[{i}]: {name!r}: {key_problem(name)}")
        for i, group in enumerate(self.ignored_resource_groups):
            if "/" in group:
                raise InvalidArguments(f"ignoredResourceGroups[{i}]: {group!r}: must not contain '/'")
            if key_problem(group):
                raise InvalidArguments(f"ignoredResourceGroups[{i}]: {group!r}: {key_problem(group)}")
        strategy = self.scoring_strategy
        _check_resources(strategy.resources, "scoringStrategy.resources", range(MAX_WEIGHT + 1))
        if strategy.type == "RequestedToCapacityRatio":
            _check_shape(strategy.shape, "scoringStrategy.requestedToCapacityRatio.shape")


class NodeResourcesBalancedAllocationArgs(Arguments, frozen=True):
    resources: tuple[ResourceSpec, ...] = ()
    """Default: cpu and memory. Each weighs 1: they are to be even, not big."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(resource.name for resource in self.resources) or tuple(name for name, _ in DEFAULT_RESOURCES)

    def check(self) -> None:
        _check_resources(self.resources, "resources", range(2))


class AddedRequirement(Arguments, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class AddedTerm(Arguments, frozen=True):
    match_expressions: tuple[AddedRequirement, ...] = ()
    match_fields: tuple[AddedRequirement, ...] = ()


class AddedSelector(Arguments, frozen=True):
    node_selector_terms: tuple[AddedTerm, ...]


class AddedPreference(Arguments, frozen=True):
    weight: int
    preference: AddedTerm


class AddedAffinity(Arguments, frozen=True):
    """Node affinity, read more strictly than that of pods, which an API server has checked already."""

    required: AddedSelector | None = msgspec.field(name="requiredDuringSchedulingIgnoredDuringExecution", default=None)
    preferred: tuple[AddedPreference, ...] = msgspec.field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default=()
    )

    @property
    def affinity(self) -> NodeAffinity:
        """The same as pods have it."""
        return msgspec.convert(msgspec.to_builtins(self), NodeAffinity)


class NodeAffinityArgs(Arguments, frozen=True):
    added_affinity: AddedAffinity | None = None
    """Holds for every pod of the profile, besides what the pod asks for."""

    def check(self) -> None:
        if self.added_affinity is None:
            return
        required, preferred = self.added_affinity.affinity.required, self.added_affinity.affinity.preferred
        where = "addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        if required is not None and not required.node_selector_terms:
            raise InvalidArguments(f"{where}: at least one term is needed")
        try:
            for i, term in enumerate(required.node_selector_terms if required else ()):
                parse_term(term, f"{where}[{i}]")
            where = "addedAffinity.preferredDuringSchedulingIgnoredDuringExecution"
            for i, preference in enumerate(preferred):
                _check_range(preference.weight, range(1, MAX_WEIGHT + 1), f"{where}[{i}].weight")
                parse_term(preference.preference, f"{where}[{i}].preference")
        except InvalidSelector as error:
            raise InvalidArguments(str(error)) from error


class InterPodAffinityArgs(Arguments, frozen=True):
    hard_pod_affinity_weight: int = 1
    """What a placed pod's required affinity to the newcomer counts for, 0 to 100."""
    ignore_preferred_terms_of_existing_pods: bool = False

    def check(self) -> None:
        _check_range(self.hard_pod_affinity_weight, range(MAX_WEIGHT + 1), "hardPodAffinityWeight")


class DefaultConstraint(Arguments, frozen=True):
    """A spread constraint for pods that bring none. Its selector is deduced for each pod."""

    max_skew: int
    topology_key: str
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    min_domains: int | None = None
    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    match_label_keys: tuple[str, ...] = ()


class PodTopologySpreadArgs(Arguments, frozen=True):
    default_constraints: tuple[DefaultConstraint, ...] = ()
    defaulting_type: Literal["System", "List"] = "System"

    def check(self) -> None:
        if self.default_constraints and self.defaulting_type == "System":
            raise InvalidArguments("defaultingType: must be List where defaultConstraints are given")
        seen = set()
        for i, constraint in enumerate(self.default_constraints):
            where = f"defaultConstraints[{i}]"
            if constraint.max_skew < 1:
                raise InvalidArguments(f"{where}.maxSkew: {constraint.max_skew} is not positive")
            if key_problem(constraint.topology_key):
                problem = key_problem(constraint.topology_key)
                raise InvalidArguments(f"{where}.topologyKey: {constraint.topology_key!r}: {problem}")
            same = (constraint.topology_key, constraint.when_unsatisfiable)
            if same in seen:
                raise InvalidArguments(f"{where}: {same[0]} with {same[1]} is given twice")
            seen.add(same)


class VolumeBindingArgs(Arguments, frozen=True):
    bind_timeout_seconds: Annotated[int, msgspec.Meta(ge=0)] = 600
    shape: tuple[ShapePoint, ...] = (ShapePoint(utilization=0, score=10), ShapePoint(utilization=100, score=0))
    """Utilisation of storage -> score: the emptier, the better."""

    def check(self) -> None:
        _check_shape(self.shape, "shape")


class DynamicResourcesArgs(Arguments, frozen=True):
    """Read so that a configuration for kube-scheduler stays valid; pods with resource claims wait whatever they say."""

    filter_timeout: str = "10s"
    binding_timeout: str = "600s"


class DefaultPreemptionArgs(Arguments, frozen=True):
    """How many nodes a dry run stops at. All nodes are tried here, so both are without effect."""

    min_candidate_nodes_percentage: int = 10
    min_candidate_nodes_absolute: int = 100

    def check(self) -> None:
        _check_range(self.min_candidate_nodes_percentage, range(101), "minCandidateNodesPercentage")
        if self.min_candidate_nodes_absolute < 0:
            raise InvalidArguments(f"minCandidateNodesAbsolute: {self.min_candidate_nodes_absolute} is negative")
        if not (self.min_candidate_nodes_percentage or self.min_candidate_nodes_absolute):
            raise InvalidArguments("minCandidateNodesPercentage, minCandidateNodesAbsolute: must not both be 0")


class ImagePlatformArgs(Arguments, frozen=True):
    """Ours."""

    platform_weights: dict[str, int] | None = None
    """Score 0 to 100 by node platform, most specific first: ``linux/arm64: 100``. Default: what the settings say."""
    unknown_images: str | None = None
    """A policy for images that cannot be read, for the pods of this profile. Default: what the settings say."""

    def check(self) -> None:
        if self.unknown_images is not None:
            try:
                parse_unknown_policy(self.unknown_images)
            except InvalidUnknownPolicy as error:
                raise InvalidArguments(f"unknownImages: {error}") from error
        for platform, weight in (self.platform_weights or {}).items():
            try:
                parse_platform(platform)
            except InvalidPlatform as error:
                raise InvalidArguments(f"platformWeights: {error}") from error
            _check_range(weight, range(MAX_WEIGHT + 1), f"platformWeights.{platform}")


OF_PLUGIN: Mapping[str, type[Arguments]] = {
    kind.__name__.removesuffix("Args"): kind
    for kind in (
        NodeResourcesFitArgs,
        NodeResourcesBalancedAllocationArgs,
        NodeAffinityArgs,
        InterPodAffinityArgs,
        PodTopologySpreadArgs,
        VolumeBindingArgs,
        DynamicResourcesArgs,
        DefaultPreemptionArgs,
        ImagePlatformArgs,
    )
}
"""Plugin name -> the kind of its arguments. Other plugins take none."""


def arguments_of(kind: type[A], given: Mapping[str, Arguments]) -> A:
    """Those of the plugin that takes this kind, or its defaults."""
    found = given.get(kind.__name__.removesuffix("Args"))
    return found if isinstance(found, kind) else kind()


def _check_resources(resources: Iterable[ResourceSpec], path: str, weights: range) -> None:
    for i, resource in enumerate(resources):
        if not resource.name:
            raise InvalidArguments(f"{path}[{i}].name: must not be empty")
        _check_range(resource.weight, weights, f"{path}[{i}].weight")


def _check_shape(shape: tuple[ShapePoint, ...], path: str) -> None:
    if not shape:
        raise InvalidArguments(f"{path}: at least one point is needed")
    for i, point in enumerate(shape):
        _check_range(point.utilization, range(MAX_UTILIZATION + 1), f"{path}[{i}].utilization")
        _check_range(point.score, range(MAX_POINT_SCORE + 1), f"{path}[{i}].score")
        if i and point.utilization <= shape[i - 1].utilization:
            raise InvalidArguments(f"{path}[{i}].utilization: {point.utilization} is not above the point before it")


def _check_range(number: int, allowed: range, path: str) -> None:
    if number not in allowed:
        raise InvalidArguments(f"{path}: {number} is not between {allowed.start} and {allowed.stop - 1}")
