"""What a profile enables and disables, merged over the default list of plugins as kube-scheduler merges it.

Owns the two steps of upstream: a profile's ``multiPoint`` over the default one (``pkg/scheduler/apis/config/v1/
default_plugins.go``: mergePluginSet), then each extension point over that (``framework/runtime/framework.go``:
expandMultiPointPlugins, getScoreWeights); and the check that what results can be had here, where a plugin's points go
together more than upstream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scheduler.config.strict import Strict
from scheduler.plugins.extension_points import DEFAULT_PLUGINS, KNOWN_PLUGINS, Point

EVERY = "*"
ALONE = frozenset({"NodeName", "NodeUnschedulable", "TaintToleration"})
"""Filters that kube-scheduler also runs without their PreFilter, which does nothing that they need."""


class InvalidPlugins(ValueError):
    """Plugins that cannot be run so. The text begins with the field below ``plugins``."""


class PluginReference(Strict, frozen=True):
    name: str
    weight: int = 0
    """Of its score; 0 stands for the default 1, as upstream has it."""


class PluginSet(Strict, frozen=True):
    enabled: tuple[PluginReference, ...] = ()
    disabled: tuple[PluginReference, ...] = ()

    @property
    def disables(self) -> frozenset[str]:
        return frozenset(reference.name for reference in self.disabled)


class Plugins(Strict, frozen=True):
    """``multi_point`` stands for all the points of each plugin in it."""

    multi_point: PluginSet = PluginSet()
    pre_enqueue: PluginSet = PluginSet()
    queue_sort: PluginSet = PluginSet()
    pre_filter: PluginSet = PluginSet()
    filter: PluginSet = PluginSet()
    post_filter: PluginSet = PluginSet()
    pre_score: PluginSet = PluginSet()
    score: PluginSet = PluginSet()
    reserve: PluginSet = PluginSet()
    permit: PluginSet = PluginSet()
    pre_bind: PluginSet = PluginSet()
    bind: PluginSet = PluginSet()
    post_bind: PluginSet = PluginSet()

    def at(self, point: Point) -> PluginSet:
        found: PluginSet = getattr(self, point.name.lower())
        return found


@dataclass(frozen=True, slots=True)
class Effective:
    """What runs: per point the names in order, and the weight of every score."""

    at: Mapping[Point, tuple[str, ...]]
    weights: Mapping[str, int]


def effective(plugins: Plugins) -> Effective:
    """The plugins of a profile after both merges. Raises InvalidPlugins."""
    _check_names(plugins.multi_point, "multiPoint", None)
    for point in Point:
        _check_names(plugins.at(point), point, point)
    everywhere = _over_defaults(plugins.multi_point)
    found = Effective(
        {point: _at_point(point, plugins.at(point), everywhere) for point in Point},
        _weights((*plugins.score.enabled, *everywhere)),
    )
    _check_can_be_had(found.at)
    return found


def _over_defaults(given: PluginSet) -> tuple[PluginReference, ...]:
    """A default that is named again is replaced in its place; new ones, and those disabled and named, come last."""
    named = {reference.name: reference for reference in given.enabled}
    disabled = given.disables
    kept = [
        named.pop(plugin.name, PluginReference(name=plugin.name, weight=plugin.weight))
        for plugin in DEFAULT_PLUGINS
        if plugin.name not in disabled and EVERY not in disabled
    ]
    return (*kept, *named.values())


def _at_point(point: Point, given: PluginSet, everywhere: Iterable[PluginReference]) -> tuple[str, ...]:
    """First those that are named here and everywhere, then the others of everywhere, then the others named here."""
    named = [reference.name for reference in given.enabled]
    if EVERY in given.disables:
        return tuple(named)
    spread = [
        reference.name
        for reference in everywhere
        if point in KNOWN_PLUGINS[reference.name].points and reference.name not in given.disables
    ]
    overriding = [name for name in named if name in spread]
    return tuple(dict.fromkeys((*overriding, *spread, *named)))


def _weights(references: Iterable[PluginReference]) -> dict[str, int]:
    """The first that names a plugin decides: a point goes before multiPoint."""
    weights: dict[str, int] = {}
    for reference in references:
        if Point.SCORE in KNOWN_PLUGINS[reference.name].points:
            weights.setdefault(reference.name, reference.weight or 1)
    return weights


def _check_names(given: PluginSet, field: str, point: Point | None) -> None:
    seen = set()
    for i, reference in enumerate(given.enabled):
        where, name = f"{field}.enabled[{i}]", reference.name
        _check_known(name, f"{where}.name")
        if point is not None and point not in KNOWN_PLUGINS[name].points:
            raise InvalidPlugins(f"{where}.name: {name!r} has no {field}")
        if name in seen:
            raise InvalidPlugins(f"{where}.name: {name!r} is enabled twice")
        if reference.weight < 0:
            raise InvalidPlugins(f"{where}.weight: {reference.weight} is negative")
        seen.add(name)
    for i, reference in enumerate(given.disabled):
        if reference.name != EVERY:
            _check_known(reference.name, f"{field}.disabled[{i}].name")


def _check_known(name: str, where: str) -> None:
    if name not in KNOWN_PLUGINS:
        raise InvalidPlugins(f"{where}: there is no plugin {name!r}")


def _check_can_be_had(at: Mapping[Point, tuple[str, ...]]) -> None:
    """What would run otherwise than it says is refused."""
    for point, only in ((Point.QUEUE_SORT, "PrioritySort"), (Point.BIND, "DefaultBinder")):
        if at[point] != (only,):
            raise InvalidPlugins(f"{point}: must be {only} and nothing else")
    if "SchedulingGates" not in at[Point.PRE_ENQUEUE]:
        raise InvalidPlugins(f"{Point.PRE_ENQUEUE}: SchedulingGates cannot be disabled here")
    filters = at[Point.FILTER]
    asked_first = [name for name in at[Point.PRE_FILTER] if name in filters or name not in ALONE]
    if asked_first != [name for name in filters if name in asked_first or name not in ALONE]:
        raise InvalidPlugins(
            f"{Point.FILTER}: must name the same plugins in the same order as {Point.PRE_FILTER}, with which it goes"
        )
    for name in at[Point.SCORE]:
        if Point.PRE_SCORE in KNOWN_PLUGINS[name].points and name not in at[Point.PRE_SCORE]:
            raise InvalidPlugins(f"{Point.PRE_SCORE}: {name} is not in it and cannot score without")
    for point in (Point.RESERVE, Point.PRE_BIND):
        for name in filters:
            if point in KNOWN_PLUGINS[name].points and name not in at[point]:
                raise InvalidPlugins(f"{point}: {name} is not in it and cannot filter without")
