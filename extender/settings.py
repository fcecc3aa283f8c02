"""All settings of the extender: one frozen struct per concern, each field with its unit, default and effect.

Reading is strict, as for the scheduler (``scheduler.config.settings``), with which the groups on the API server, on
logs, on health and on registries are shared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from scheduler.config.settings import (
    Count,
    ImageSettings,
    InvalidSettings,
    KubeSettings,
    LoggingSettings,
    LogLevel,
    Port,
    Seconds,
    ServingSettings,
    Strict,
    TlsSettings,
    check_images,
    parse_document,
    read_document,
)

MaxNodes = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Megabytes = Annotated[int, msgspec.Meta(ge=1, le=1024)]
ShortSeconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
DEFAULT_PORT = 10271


class ListeningSettings(Strict, frozen=True):
    """Where kube-scheduler calls, and what a caller may cost."""

    host: str = "0.0.0.0"  # noqa: S104 - kube-scheduler runs on other machines
    """Address to listen on. Default: all."""
    port: Port = DEFAULT_PORT
    """Port to listen on; 0 takes a free one. Default: 10271."""
    tls: TlsSettings | None = None
    """Default: plain HTTP."""
    max_body_megabytes: Megabytes = 64
    """A larger body is refused (413). 5,000 whole nodes take about 40. Default: 64."""
    max_connections: Count = 64
    """Connections at once; further ones are closed. kube-scheduler keeps a few. Default: 64."""
    request_seconds: Seconds = 10.0
    """For a request to come in, and for its answer to be taken. Default: 10."""
    idle_seconds: Seconds = 120.0
    """How long an unused connection stays open; longer than the 90 of Go's clients. Default: 120."""
    drain_seconds: ShortSeconds = 5.0
    """After SIGTERM the extender says it is not ready, and still answers for so long. Default: 5."""


class HealthSettings(ServingSettings, frozen=True):
    """As the scheduler's, but for the port: both may run on one machine."""

    port: Port = DEFAULT_PORT + 1
    """Port to listen on; 0 takes a free one. Default: 10272."""


class AnsweringSettings(Strict, frozen=True):
    """What is answered, and when."""

    deadline_seconds: Seconds = 3.0
    """An answer is given by then, whatever it is. Must be less than kube-scheduler's httpTimeout (5). Default: 3."""
    wait_seconds: ShortSeconds = 0.5
    """How long a call waits for images that are just being looked up; it holds up all other pods. Default: 0.5."""
    wake_pods: bool = True
    """Annotate a pod once its images are known after all, so that kube-scheduler tries it at once. Default: true."""
    max_nodes: MaxNodes = 0
    """Answer so many of the best nodes at most (narrowing); 0: all that can run the pod. Default: 0."""
    delegated: bool = False
    """Decide like multiarch-scheduler, and answer one node. kube-scheduler's plugins must be off. Default: false."""
    give_up_seconds: Seconds = 60.0
    """A pod counts on the node it was given, or nominated to, until it is seen there, or for so long. Default: 60."""


class ExtenderSettings(Strict, frozen=True):
    """The whole file. Everything has a default, so an empty file is a valid one."""

    api_version: Literal["multiarch-scheduler.io/v1alpha1"] = "multiarch-scheduler.io/v1alpha1"
    kind: Literal["ExtenderSettings"] = "ExtenderSettings"
    scheduler_names: list[str] = []
    """Pods of these schedulers have their images looked up when they are created. Default: all pods."""
    kube: KubeSettings = KubeSettings()
    listening: ListeningSettings = ListeningSettings()
    serving: HealthSettings = HealthSettings()
    logging: LoggingSettings = LoggingSettings()
    images: ImageSettings = ImageSettings()
    answering: AnsweringSettings = AnsweringSettings()


def read_extender_settings(path: Path) -> ExtenderSettings:
    """The settings in a YAML file. Raises InvalidSettings."""
    return _checked(read_document(path, ExtenderSettings), str(path))


def parse_extender_settings(text: str, source: str) -> ExtenderSettings:
    """The settings in a YAML text; ``source`` names it in errors. Raises InvalidSettings."""
    return _checked(parse_document(text, source, ExtenderSettings), source)


def with_overrides(
    settings: ExtenderSettings,
    *,
    kubeconfig: str | None,
    context: str | None,
    port: int | None,
    health_port: int | None,
    log_level: LogLevel | None,
) -> ExtenderSettings:
    """The settings with what the command line says put over what the file says. None: not said."""
    replace = msgspec.structs.replace
    kube = settings.kube
    return replace(
        settings,
        kube=KubeSettings(kubeconfig=kubeconfig or kube.kubeconfig, context=context or kube.context),
        listening=settings.listening if port is None else replace(settings.listening, port=port),
        serving=settings.serving if health_port is None else replace(settings.serving, port=health_port),
        logging=settings.logging if log_level is None else replace(settings.logging, level=log_level),
    )


def _checked(settings: ExtenderSettings, source: str) -> ExtenderSettings:
    answering = settings.answering
    if answering.wait_seconds >= answering.deadline_seconds:
        raise InvalidSettings(
            f"{source}: answering.waitSeconds: {answering.wait_seconds:g} is not less than deadlineSeconds,"
            f" {answering.deadline_seconds:g}"
        )
    if answering.delegated and answering.max_nodes:
        raise InvalidSettings(f"{source}: answering.maxNodes: delegated answers one node, so it must be 0")
    check_images(settings.images, source)
    return settings
