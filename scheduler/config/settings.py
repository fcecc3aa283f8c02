"""All settings of the scheduler: one frozen struct per concern, each field with its unit, default and effect.

Reading is strict. An unknown field, a wrong type or a value out of range stops the start with a message that names the
file, the field and the value; nothing is guessed. Who uses a setting gets it as an argument from ``scheduler.app``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from scheduler.config.images import ImageSettings, SharingSettings, UnknownSettings, check_images
from scheduler.config.leader_election import LeaderElectionSettings, check_leader_election
from scheduler.config.rpc import RpcSettings, check_rpc
from scheduler.config.serving import ServingSettings, TlsSettings, check_serving
from scheduler.config.strict import (
    Count,
    InvalidSettings,
    Port,
    Seconds,
    Strict,
    parse_document,
    read_document,
)
from scheduler.config.tracing import TracingSettings, check_tracing

__all__ = [
    "BackoffSettings",
    "BindingSettings",
    "Count",
    "ImageSettings",
    "InvalidSettings",
    "KubeSettings",
    "LeaderElectionSettings",
    "LogFormat",
    "LogLevel",
    "LoggingSettings",
    "Port",
    "Seconds",
    "ServingSettings",
    "Settings",
    "SharingSettings",
    "Strict",
    "TlsSettings",
    "UnknownSettings",
    "check_images",
    "parse_document",
    "parse_settings",
    "read_document",
    "read_settings",
    "with_overrides",
]

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


class KubeSettings(Strict, frozen=True):
    """How the API server is reached."""

    kubeconfig: str | None = None
    """Path of a kubeconfig. Default: $KUBECONFIG or ~/.kube/config where one exists, else the pod's own account."""
    context: str | None = None
    """Context of the kubeconfig. Default: its current context."""


class LoggingSettings(Strict, frozen=True):
    """What is written to standard error."""

    level: LogLevel = "info"
    """Least level that is written: debug, info, warning or error. Default: info."""
    format: LogFormat = "text"
    """text for people, json (one object a line) for collectors. Default: text."""


class BackoffSettings(Strict, frozen=True):
    """How long a pod waits after a failed attempt: kube-scheduler's podInitialBackoffSeconds, podMaxBackoffSeconds."""

    initial_seconds: Seconds = 1.0
    """After the first failure; doubles with each further one. Default: 1."""
    max_seconds: Seconds = 10.0
    """The longest wait. Default: 10."""


class BindingSettings(Strict, frozen=True):
    """How decisions are written to the API server."""

    max_in_flight: Count = 64
    """Bindings under way at once; further decisions wait. Default: 64."""


class Settings(Strict, frozen=True):
    """The whole file. Everything has a default, so an empty file is a valid one."""

    api_version: Literal["multiarch-scheduler.io/v1alpha1"] = "multiarch-scheduler.io/v1alpha1"
    kind: Literal["SchedulerSettings"] = "SchedulerSettings"
    scheduler_name: str = "multiarch-scheduler"
    """Pods that name it in spec.schedulerName are ours. Default: multiarch-scheduler."""
    scheduler_configuration: str | None = None
    """Path, seen from this file, of a KubeSchedulerConfiguration whose profiles, each with its own name, take the place
    of schedulerName. Default: none; one profile with every plugin."""
    kube: KubeSettings = KubeSettings()
    leader_election: LeaderElectionSettings = LeaderElectionSettings()
    serving: ServingSettings = ServingSettings()
    logging: LoggingSettings = LoggingSettings()
    tracing: TracingSettings = TracingSettings()
    backoff: BackoffSettings = BackoffSettings()
    binding: BindingSettings = BindingSettings()
    images: ImageSettings = ImageSettings()
    sharing: SharingSettings = SharingSettings()
    rpc: RpcSettings = RpcSettings()


def read_settings(path: Path) -> Settings:
    """The settings in a YAML file, the paths in it seen from where it stands. Raises InvalidSettings."""
    settings = _checked(read_document(path, Settings), str(path))
    if settings.scheduler_configuration is None:
        return settings
    return msgspec.structs.replace(
        settings, scheduler_configuration=str(path.parent / settings.scheduler_configuration)
    )


def parse_settings(text: str, source: str) -> Settings:
    """The settings in a YAML text; ``source`` names it in errors. Raises InvalidSettings."""
    return _checked(parse_document(text, source, Settings), source)


def with_overrides(
    settings: Settings,
    *,
    kubeconfig: str | None,
    context: str | None,
    port: int | None,
    log_level: LogLevel | None,
    leader_elect: bool | None,
) -> Settings:
    """The settings with what the command line says put over what the file says. None: not said."""
    kube, serving, logging, election = settings.kube, settings.serving, settings.logging, settings.leader_election
    replace = msgspec.structs.replace
    return replace(
        settings,
        kube=KubeSettings(kubeconfig=kubeconfig or kube.kubeconfig, context=context or kube.context),
        serving=serving if port is None else replace(serving, port=port),
        logging=logging if log_level is None else replace(logging, level=log_level),
        leader_election=election if leader_elect is None else replace(election, leader_elect=leader_elect),
    )


def _checked(settings: Settings, source: str) -> Settings:
    if not settings.scheduler_name:
        raise InvalidSettings(f"{source}: schedulerName: must not be empty")
    if settings.scheduler_name == "default-scheduler":
        raise InvalidSettings(f"{source}: schedulerName: 'default-scheduler' belongs to kube-scheduler")
    if settings.scheduler_configuration is not None and settings.scheduler_name != Settings().scheduler_name:
        raise InvalidSettings(f"{source}: schedulerName: the profiles of schedulerConfiguration have their own names")
    if settings.backoff.max_seconds < settings.backoff.initial_seconds:
        raise InvalidSettings(
            f"{source}: backoff.maxSeconds: {settings.backoff.max_seconds:g} is less than initialSeconds,"
            f" {settings.backoff.initial_seconds:g}"
        )
    check_leader_election(settings.leader_election, source)
    check_serving(settings.serving, source)
    check_tracing(settings.tracing, source)
    check_images(settings.images, source)
    check_rpc(settings.rpc, source)
    return settings
