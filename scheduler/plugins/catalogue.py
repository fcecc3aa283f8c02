"""Which plugins there are, in which order they are asked, with which weights.

Owns the default profile: kube-scheduler 1.37's (``pkg/scheduler/apis/config/v1/default_plugins.go``) as far as its
plugins are here, and ImagePlatform among the filters by facts about nodes, before anything that preemption could help.
What a plugin decides is in the file of its name. SchedulingGates is the queue's business.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.framework.profile import Profile
from scheduler.images.matching import DEFAULT_RULES, MatchRules
from scheduler.plugins.image_locality import ImageLocality
from scheduler.plugins.image_platform import ImagePlatform
from scheduler.plugins.node_affinity import NodeAffinity
from scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from scheduler.plugins.node_name import NodeName
from scheduler.plugins.node_ports import NodePorts
from scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from scheduler.plugins.node_unschedulable import NodeUnschedulable
from scheduler.plugins.taint_toleration import TaintToleration
from scheduler.plugins.unsupported_fields import UnsupportedFields

TAINT_TOLERATION_WEIGHT = 3
NODE_AFFINITY_WEIGHT = 2
RESOURCES_WEIGHT = 1
IMAGE_PLATFORM_WEIGHT = 10
"""More than the other weights together (8), so that a preferred platform is filled first."""


def default_profile(
    scheduler_name: str, *, platform_weights: Mapping[str, int] | None = None, match_rules: MatchRules = DEFAULT_RULES
) -> Profile:
    """The profile of a scheduler that knows what images are built for. Raises InvalidPlatform, ValueError."""
    image_platform = ImagePlatform(platform_weights, match_rules)
    without = upstream_profile(scheduler_name)
    before = next(i for i, plugin in enumerate(without.filters) if plugin.name == NodePorts.name)
    return Profile(
        scheduler_name,
        (*without.filters[:before], image_platform, *without.filters[before:]),
        ((image_platform, IMAGE_PLATFORM_WEIGHT), *without.scores),
    )


def upstream_profile(scheduler_name: str) -> Profile:
    """kube-scheduler's default profile, blind to platforms, as far as its plugins are here."""
    taint_toleration = TaintToleration()
    node_affinity = NodeAffinity()
    node_resources_fit = NodeResourcesFit()
    return Profile(
        scheduler_name,
        (
            UnsupportedFields(),
            NodeName(),
            NodeUnschedulable(),
            taint_toleration,
            node_affinity,
            NodePorts(),
            node_resources_fit,
            NodeDeclaredFeatures(),
        ),
        (
            (taint_toleration, TAINT_TOLERATION_WEIGHT),
            (node_affinity, NODE_AFFINITY_WEIGHT),
            (node_resources_fit, RESOURCES_WEIGHT),
            (NodeResourcesBalancedAllocation(), RESOURCES_WEIGHT),
            (ImageLocality(), RESOURCES_WEIGHT),
        ),
    )
