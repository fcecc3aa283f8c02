"""Makes profiles: which plugins there are as objects, and what arguments they are made with.

Owns the way from a selection (names in order, weights, arguments) to a profile. The default selection is kube-scheduler
1.37's list of plugins as far as they are here, with ImagePlatform among the filters by facts about nodes, before
anything that preemption could help. What a plugin decides is in the file of its name. SchedulingGates and PrioritySort
are the queue's business, DefaultBinder is that of ``loops.binding``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scheduler.framework.plugin import ClusterPlugin, Plugin, PreFilterPlugin, ScorePlugin
from scheduler.framework.post_filter import PostFilterPlugin
from scheduler.framework.profile import Profile
from scheduler.images.matching import DEFAULT_RULES, MatchRules
from scheduler.plugins.arguments import (
    Arguments,
    ImagePlatformArgs,
    InterPodAffinityArgs,
    NodeAffinityArgs,
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    PodTopologySpreadArgs,
    VolumeBindingArgs,
    arguments_of,
)
from scheduler.plugins.default_preemption import DefaultPreemption
from scheduler.plugins.dynamic_resources import DynamicResources
from scheduler.plugins.extension_points import DEFAULT_PLUGINS, IMAGE_PLATFORM, Point
from scheduler.plugins.image_locality import ImageLocality
from scheduler.plugins.image_platform import ImagePlatform
from scheduler.plugins.inter_pod_affinity import InterPodAffinity
from scheduler.plugins.node_affinity import NodeAffinity
from scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from scheduler.plugins.node_name import NodeName
from scheduler.plugins.node_ports import NodePorts
from scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from scheduler.plugins.node_unschedulable import NodeUnschedulable
from scheduler.plugins.node_volume_limits import NodeVolumeLimits
from scheduler.plugins.pod_topology_spread import PodTopologySpread
from scheduler.plugins.taint_toleration import TaintToleration
from scheduler.plugins.volume_binding import VolumeBinding
from scheduler.plugins.volume_restrictions import VolumeRestrictions
from scheduler.plugins.volume_zone import VolumeZone

Given = Mapping[str, Arguments]
"""Plugin name -> its arguments. A plugin that is absent has its defaults."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What one profile consists of: names of plugins in the order in which they are asked, scores with weights."""

    scheduler_name: str
    filters: tuple[str, ...]
    scores: tuple[tuple[str, int], ...]
    post_filters: tuple[str, ...]
    arguments: Given = field(default_factory=dict)

    def without(self, name: str) -> Selection:
        """The same with one plugin left out everywhere."""
        return Selection(
            self.scheduler_name,
            tuple(other for other in self.filters if other != name),
            tuple((other, weight) for other, weight in self.scores if other != name),
            tuple(other for other in self.post_filters if other != name),
            self.arguments,
        )


def default_selection(scheduler_name: str) -> Selection:
    """Every plugin, with its default weight."""
    return Selection(
        scheduler_name,
        tuple(plugin.name for plugin in DEFAULT_PLUGINS if Point.FILTER in plugin.points),
        tuple((plugin.name, plugin.weight) for plugin in DEFAULT_PLUGINS if Point.SCORE in plugin.points),
        tuple(plugin.name for plugin in DEFAULT_PLUGINS if Point.POST_FILTER in plugin.points),
    )


def make_profile(
    selection: Selection, *, platform_weights: Mapping[str, int] | None = None, match_rules: MatchRules = DEFAULT_RULES
) -> Profile:
    """The plugins of a selection, made. Names without an object here decide nothing.

    ``platform_weights`` are those of ImagePlatform unless its arguments say others. Raises InvalidPlatform, ValueError.
    """
    given = selection.arguments
    weights = arguments_of(ImagePlatformArgs, given).platform_weights
    makers = _MAKERS | {
        IMAGE_PLATFORM: lambda _given: ImagePlatform(platform_weights if weights is None else weights, match_rules)
    }
    names = dict.fromkeys((*selection.filters, *(name for name, _ in selection.scores), *selection.post_filters))
    made: dict[str, Plugin] = {name: makers[name](given) for name in names if name in makers}
    filters = [made.get(name) for name in selection.filters]
    scores = [(made.get(name), weight) for name, weight in selection.scores]
    post_filters = [made.get(name) for name in selection.post_filters]
    return Profile(
        selection.scheduler_name,
        tuple(plugin for plugin in filters if isinstance(plugin, PreFilterPlugin)),
        tuple((plugin, weight) for plugin, weight in scores if isinstance(plugin, ScorePlugin | ClusterPlugin)),
        tuple(plugin for plugin in post_filters if isinstance(plugin, PostFilterPlugin)),
    )


def default_profile(
    scheduler_name: str, *, platform_weights: Mapping[str, int] | None = None, match_rules: MatchRules = DEFAULT_RULES
) -> Profile:
    """The profile of a scheduler that knows what images are built for. Raises InvalidPlatform, ValueError."""
    return make_profile(default_selection(scheduler_name), platform_weights=platform_weights, match_rules=match_rules)


def upstream_profile(scheduler_name: str) -> Profile:
    """kube-scheduler's default profile, blind to platforms, as far as its plugins are here."""
    return make_profile(default_selection(scheduler_name).without(IMAGE_PLATFORM))


def _node_affinity(given: Given) -> NodeAffinity:
    added = arguments_of(NodeAffinityArgs, given).added_affinity
    return NodeAffinity(None if added is None else added.affinity)


_MAKERS: dict[str, Callable[[Given], Plugin]] = {
    NodeName.name: lambda _given: NodeName(),
    NodeUnschedulable.name: lambda _given: NodeUnschedulable(),
    TaintToleration.name: lambda _given: TaintToleration(),
    NodeAffinity.name: _node_affinity,
    NodePorts.name: lambda _given: NodePorts(),
    NodeResourcesFit.name: lambda given: NodeResourcesFit(arguments_of(NodeResourcesFitArgs, given)),
    VolumeRestrictions.name: lambda _given: VolumeRestrictions(),
    NodeVolumeLimits.name: lambda _given: NodeVolumeLimits(),
    VolumeBinding.name: lambda given: VolumeBinding(arguments_of(VolumeBindingArgs, given)),
    VolumeZone.name: lambda _given: VolumeZone(),
    PodTopologySpread.name: lambda given: PodTopologySpread(arguments_of(PodTopologySpreadArgs, given)),
    InterPodAffinity.name: lambda given: InterPodAffinity(arguments_of(InterPodAffinityArgs, given)),
    DefaultPreemption.name: lambda _given: DefaultPreemption(),
    DynamicResources.name: lambda _given: DynamicResources(),
    NodeResourcesBalancedAllocation.name: lambda given: NodeResourcesBalancedAllocation(
        arguments_of(NodeResourcesBalancedAllocationArgs, given).names
    ),
    ImageLocality.name: lambda _given: ImageLocality(),
    NodeDeclaredFeatures.name: lambda _given: NodeDeclaredFeatures(),
}
