"""Reads a KubeSchedulerConfiguration v1, by which kube-scheduler's profiles are set up, as strictly as that does.

Owns the document's shape and what of it counts here. Unknown fields and plugins are errors that name the field. Fields
that tune what works otherwise here (sampling of nodes, for one: every node is considered) are accepted without effect,
and named, so that a file can be shared with a kube-scheduler. Upstream: ``k8s.io/kube-scheduler/config/v1``. What comes
out are selections of plugins; ``plugins.catalogue`` makes profiles of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from scheduler.config.plugin_sets import InvalidPlugins, Plugins, effective
from scheduler.config.settings import Settings
from scheduler.config.strict import InvalidSettings, Strict, in_words, parse_document, read_document
from scheduler.framework.profile import MAX_TOTAL
from scheduler.plugins.arguments import OF_PLUGIN, Arguments, InvalidArguments
from scheduler.plugins.catalogue import Selection, default_selection
from scheduler.plugins.extension_points import KNOWN_PLUGINS, Point

API_VERSION = "kubescheduler.config.k8s.io/v1"
DEFAULT_SCHEDULER_NAME = "default-scheduler"
"""Of a single profile that has no name."""

Percentage = Annotated[int, msgspec.Meta(ge=0, le=100)]
Positive = Annotated[int, msgspec.Meta(ge=1)]

WITHOUT_EFFECT = {
    "parallelism": "all nodes are looked at at once, in columns",
    "percentageOfNodesToScore": "every node is considered",
    "leaderElection": "the settings of multiarch-scheduler decide",
    "clientConnection": "the settings of multiarch-scheduler decide",
    "enableProfiling": "there is no Go runtime to profile",
    "enableContentionProfiling": "there is no Go runtime to profile",
    "delayCacheUntilActive": "the settings of multiarch-scheduler decide",
}
"""Field -> why it changes nothing here."""


class LeaderElection(Strict, frozen=True):
    leader_elect: bool = True
    lease_duration: str = "15s"
    renew_deadline: str = "10s"
    retry_period: str = "2s"
    resource_lock: str = "leases"
    resource_name: str = "kube-scheduler"
    resource_namespace: str = "kube-system"


class ClientConnection(Strict, frozen=True):
    kubeconfig: str = ""
    accept_content_types: str = ""
    content_type: str = ""
    qps: float = 50
    burst: int = 100


class PluginConfig(Strict, frozen=True):
    """``args`` are read by the plugin's own kind."""

    name: str
    args: dict[str, Any] | None = None


class ProfileDocument(Strict, frozen=True):
    scheduler_name: str | None = None
    percentage_of_nodes_to_score: Percentage | UnsetType = UNSET
    plugins: Plugins = Plugins()
    plugin_config: tuple[PluginConfig, ...] = ()


class KubeSchedulerConfiguration(Strict, frozen=True):
    """The document. What is ``UNSET`` was not written."""

    api_version: Literal["kubescheduler.config.k8s.io/v1"]
    kind: Literal["KubeSchedulerConfiguration"]
    profiles: tuple[ProfileDocument, ...] = ()
    pod_initial_backoff_seconds: Positive | None = None
    pod_max_backoff_seconds: Positive | None = None
    parallelism: Positive | UnsetType = UNSET
    percentage_of_nodes_to_score: Percentage | UnsetType = UNSET
    leader_election: LeaderElection | UnsetType = UNSET
    client_connection: ClientConnection | UnsetType = UNSET
    enable_profiling: bool | UnsetType = UNSET
    enable_contention_profiling: bool | UnsetType = UNSET
    delay_cache_until_active: bool | UnsetType = UNSET
    extenders: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class SchedulerConfiguration:
    """What counts of the file. ``without_effect``: fields that are in it and change nothing here, each with why."""

    selections: tuple[Selection, ...]
    initial_backoff_seconds: int | None
    max_backoff_seconds: int | None
    without_effect: tuple[str, ...]


def read_scheduler_configuration(path: Path) -> SchedulerConfiguration:
    """The configuration in a file. Raises InvalidSettings, which names file and field."""
    return _checked(read_document(path, KubeSchedulerConfiguration), str(path))


def parse_scheduler_configuration(text: str, source: str) -> SchedulerConfiguration:
    """The same from a text; ``source`` names it in errors."""
    return _checked(parse_document(text, source, KubeSchedulerConfiguration), source)


def configuration_of(settings: Settings) -> SchedulerConfiguration:
    """The one that the settings name; without, every plugin under the settings' name. Raises InvalidSettings."""
    if settings.scheduler_configuration is None:
        return SchedulerConfiguration((default_selection(settings.scheduler_name),), None, None, ())
    found = read_scheduler_configuration(Path(settings.scheduler_configuration))
    for i, selection in enumerate(found.selections):
        if selection.scheduler_name == DEFAULT_SCHEDULER_NAME:
            where = f"{settings.scheduler_configuration}: profiles[{i}].schedulerName"
            raise InvalidSettings(f"{where}: {DEFAULT_SCHEDULER_NAME!r} belongs to kube-scheduler")
    return found


def _checked(document: KubeSchedulerConfiguration, source: str) -> SchedulerConfiguration:
    if document.extenders:
        raise InvalidSettings(f"{source}: extenders: multiarch-scheduler calls no extenders")
    initial, longest = document.pod_initial_backoff_seconds, document.pod_max_backoff_seconds
    if (longest or 10) < (initial or 1):
        raise InvalidSettings(
            f"{source}: podMaxBackoffSeconds: {longest or 10} is less than podInitialBackoffSeconds, {initial or 1}"
        )
    profiles = document.profiles or (ProfileDocument(),)
    selections = tuple(
        _selection(profile, i, alone=len(profiles) == 1, source=source) for i, profile in enumerate(profiles)
    )
    names = [selection.scheduler_name for selection in selections]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InvalidSettings(f"{source}: profiles[{i}].schedulerName: {name!r} is given twice")
    return SchedulerConfiguration(selections, initial, longest, tuple(_without_effect(document)))


def _selection(profile: ProfileDocument, position: int, *, alone: bool, source: str) -> Selection:
    where = f"{source}: profiles[{position}]"
    name = DEFAULT_SCHEDULER_NAME if profile.scheduler_name is None and alone else profile.scheduler_name
    if not name:
        raise InvalidSettings(f"{where}.schedulerName: is needed where there are several profiles")
    try:
        found = effective(profile.plugins)
    except InvalidPlugins as error:
        raise InvalidSettings(f"{where}.plugins.{error}") from error
    scores = tuple((plugin, found.weights[plugin]) for plugin in found.at[Point.SCORE])
    total = sum(weight for _, weight in scores)
    if total * 100 > MAX_TOTAL:
        raise InvalidSettings(f"{where}.plugins.score: weights sum to {total}, more than {MAX_TOTAL // 100}")
    arguments: dict[str, Arguments] = {}
    for i, config in enumerate(profile.plugin_config):
        if config.name in arguments:
            raise InvalidSettings(f"{where}.pluginConfig[{i}].name: {config.name!r} is given twice")
        arguments[config.name] = _arguments(config, f"{where}.pluginConfig[{i}]")
    return Selection(name, found.at[Point.FILTER], scores, found.at[Point.POST_FILTER], arguments)


def _arguments(config: PluginConfig, where: str) -> Arguments:
    if config.name not in KNOWN_PLUGINS:
        raise InvalidSettings(f"{where}.name: there is no plugin {config.name!r}")
    kind = OF_PLUGIN.get(config.name)
    if kind is None:
        raise InvalidSettings(f"{where}.name: {config.name} takes no arguments")
    fields = dict(config.args or {})
    for field, expected in (("apiVersion", API_VERSION), ("kind", kind.__name__)):
        if fields.pop(field, expected) != expected:
            raise InvalidSettings(f"{where}.args.{field}: must be {expected}")
    try:
        found = msgspec.convert(fields, kind)
        found.check()
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"{where}.args.{in_words(error, fields)}") from error
    except InvalidArguments as error:
        raise InvalidSettings(f"{where}.args.{error}") from error
    return found


def _without_effect(document: KubeSchedulerConfiguration) -> Iterator[str]:
    for attribute, field in zip(document.__struct_fields__, document.__struct_encode_fields__, strict=True):
        if field in WITHOUT_EFFECT and getattr(document, attribute) is not UNSET:
            yield f"{field}: {WITHOUT_EFFECT[field]}"
    for i, profile in enumerate(document.profiles):
        if profile.percentage_of_nodes_to_score is not UNSET:
            field = "percentageOfNodesToScore"
            yield f"profiles[{i}].{field}: {WITHOUT_EFFECT[field]}"
        for j, config in enumerate(profile.plugin_config):
            if config.name == "DefaultPreemption":
                yield f"profiles[{i}].pluginConfig[{j}]: a dry run looks at every node"
            if config.name == "DynamicResources":
                yield f"profiles[{i}].pluginConfig[{j}]: resource claims are not allocated"
