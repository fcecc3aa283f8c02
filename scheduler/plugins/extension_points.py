"""The plugins that kube-scheduler's configuration knows by name, and where each of them stands.

Owns names, default order and weights (upstream: ``pkg/scheduler/apis/config/v1/default_plugins.go``) and the extension
points of each, ImagePlatform, which is ours, among them. Which of them are objects here, and how they are made, is in
``catalogue``; how a configuration changes the list, in ``config.plugin_sets``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Point(enum.StrEnum):
    """As the fields of a profile's ``plugins`` are called."""

    PRE_ENQUEUE = "preEnqueue"
    QUEUE_SORT = "queueSort"
    PRE_FILTER = "preFilter"
    FILTER = "filter"
    POST_FILTER = "postFilter"
    PRE_SCORE = "preScore"
    SCORE = "score"
    RESERVE = "reserve"
    PERMIT = "permit"
    PRE_BIND = "preBind"
    BIND = "bind"
    POST_BIND = "postBind"


@dataclass(frozen=True, slots=True)
class KnownPlugin:
    """``weight``: of its score by default; 0 where it has none."""

    name: str
    points: frozenset[Point]
    weight: int = 0


_FILTER = (Point.PRE_FILTER, Point.FILTER)
_SCORE = (Point.PRE_SCORE, Point.SCORE)
_RESERVE = (Point.RESERVE, Point.PRE_BIND)


def _known(name: str, *points: Point, weight: int = 0) -> KnownPlugin:
    return KnownPlugin(name, frozenset(points), weight)


IMAGE_PLATFORM = "ImagePlatform"
IMAGE_PLATFORM_WEIGHT = 20
"""More than the weights of kube-scheduler's plugins together (15), so that a preferred platform is filled first."""

DEFAULT_PLUGINS: tuple[KnownPlugin, ...] = (
    _known("SchedulingGates", Point.PRE_ENQUEUE),
    _known("PrioritySort", Point.QUEUE_SORT),
    _known("NodeName", *_FILTER),
    _known("NodeUnschedulable", *_FILTER),
    _known("TaintToleration", *_FILTER, *_SCORE, weight=3),
    _known("NodeAffinity", *_FILTER, *_SCORE, weight=2),
    _known(IMAGE_PLATFORM, *_FILTER, *_SCORE, weight=IMAGE_PLATFORM_WEIGHT),
    _known("NodePorts", *_FILTER),
    _known("NodeResourcesFit", *_FILTER, *_SCORE, weight=1),
    _known("VolumeRestrictions", *_FILTER),
    _known("NodeVolumeLimits", *_FILTER),
    _known("VolumeBinding", *_FILTER, *_SCORE, *_RESERVE, weight=1),
    _known("VolumeZone", *_FILTER),
    _known("PodTopologySpread", *_FILTER, *_SCORE, weight=2),
    _known("InterPodAffinity", *_FILTER, *_SCORE, weight=2),
    _known("DynamicResources", Point.PRE_ENQUEUE, *_FILTER, Point.POST_FILTER, Point.SCORE, *_RESERVE, weight=2),
    _known("DefaultPreemption", Point.PRE_ENQUEUE, Point.POST_FILTER),
    _known("NodeResourcesBalancedAllocation", *_SCORE, weight=1),
    _known("ImageLocality", Point.SCORE, weight=1),
    _known("DefaultBinder", Point.BIND),
    _known("NodeDeclaredFeatures", *_FILTER),
)
"""In the order in which they are asked. All are on by default."""

KNOWN_PLUGINS = {plugin.name: plugin for plugin in DEFAULT_PLUGINS}
