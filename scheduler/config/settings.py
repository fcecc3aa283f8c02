"""All settings of the scheduler: one frozen struct per concern, each field with its unit, default and effect.

Reading is strict. An unknown field, a wrong type or a value out of range stops the start with a message that names the
file, the field and the value; nothing is guessed. Who uses a setting gets it as an argument from ``scheduler.app``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
import yaml

from scheduler.images.platform import InvalidPlatform, parse_platform
from scheduler.images.unknown_policy import InvalidUnknownPolicy, UnknownAction, parse_unknown_policy


class InvalidSettings(ValueError):
    """The settings cannot be used. The text names the file and the field."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A group of settings, spelt in camel case in the file."""


S = TypeVar("S", bound=Strict)

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Weight = Annotated[int, msgspec.Meta(ge=0, le=100)]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


class KubeSettings(Strict, frozen=True):
    """How the API server is reached."""

    kubeconfig: str | None = None
    """Path of a kubeconfig. Default: $KUBECONFIG or ~/.kube/config where one exists, else the pod's own account."""
    context: str | None = None
    """Context of the kubeconfig. Default: its current context."""


class ServingSettings(Strict, frozen=True):
    """Where /healthz, /livez, /readyz and /metrics are served."""

    host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from other machines
    """Address to listen on. Default: all."""
    port: Port = 10261
    """Port to listen on; 0 takes a free one. Default: 10261."""


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


class UnknownSettings(Strict, frozen=True):
    """What becomes of pods whose images cannot be read. Pods and namespaces may say otherwise by the annotation
    ``multiarch-scheduler.io/unknown-images``."""

    policy: str = "wait"
    """wait, open (place anyway), closed (leave pending) or assume:linux/amd64,... Default: wait."""
    deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 600.0
    """For how long ``wait`` waits. Default: 600."""
    after_deadline: str = "open"
    """The policy from then on; not wait. Default: open, since a registry that only this scheduler cannot read must not
    keep pods from running."""


class ImageSettings(Strict, frozen=True):
    """Which platforms are preferred, and how registries are asked."""

    platform_weights: dict[str, Weight] = {}
    """Score 0 to 100 by node platform, most specific first: ``linux/arm64: 100``. Default: no preference."""
    plain_http: list[str] = []
    """Registries (``host:port``) spoken to without TLS, besides those on the loopback address. Default: none."""
    read_pull_secrets: bool = True
    """Whether the pods' imagePullSecrets are read. Default: true; false spares the permission to read secrets."""
    timeout_seconds: Seconds = 30.0
    """For all requests that one image takes. Default: 30."""
    tag_lifetime_seconds: Seconds = 300.0
    """How long a tag is believed to point at the same digest. Default: 300."""
    max_requests_per_registry: Count = 8
    """Requests under way at once to one registry. Default: 8."""
    unknown: UnknownSettings = UnknownSettings()
    cache_megabytes: Count = 64
    """Bound of the cache of what images are built for. Default: 64."""


class Settings(Strict, frozen=True):
    """The whole file. Everything has a default, so an empty file is a valid one."""

    api_version: Literal["multiarch-scheduler.io/v1alpha1"] = "multiarch-scheduler.io/v1alpha1"
    kind: Literal["SchedulerSettings"] = "SchedulerSettings"
    scheduler_name: str = "multiarch-scheduler"
    """Pods that name it in spec.schedulerName are ours. Default: multiarch-scheduler."""
    kube: KubeSettings = KubeSettings()
    serving: ServingSettings = ServingSettings()
    logging: LoggingSettings = LoggingSettings()
    backoff: BackoffSettings = BackoffSettings()
    binding: BindingSettings = BindingSettings()
    images: ImageSettings = ImageSettings()


def read_settings(path: Path) -> Settings:
    """The settings in a YAML file. Raises InvalidSettings."""
    return _checked(read_document(path, Settings), str(path))


def parse_settings(text: str, source: str) -> Settings:
    """The settings in a YAML text; ``source`` names it in errors. Raises InvalidSettings."""
    return _checked(parse_document(text, source, Settings), source)


def read_document(path: Path, type_: type[S]) -> S:
    """A YAML file as one struct of settings, each field checked for itself. Raises InvalidSettings."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path}: cannot be read: {error}") from error
    return parse_document(text, str(path), type_)


def parse_document(text: str, source: str, type_: type[S]) -> S:
    """The same from a text; ``source`` names it in errors. Raises InvalidSettings."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidSettings(f"{source}: not YAML: {error}") from error
    try:
        return msgspec.convert({} if document is None else document, type_)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"{source}: {_in_words(error, document)}") from error


def with_overrides(
    settings: Settings, *, kubeconfig: str | None, context: str | None, port: int | None, log_level: LogLevel | None
) -> Settings:
    """The settings with what the command line says put over what the file says. None: not said."""
    kube, serving, logging = settings.kube, settings.serving, settings.logging
    return msgspec.structs.replace(
        settings,
        kube=KubeSettings(kubeconfig=kubeconfig or kube.kubeconfig, context=context or kube.context),
        serving=serving if port is None else msgspec.structs.replace(serving, port=port),
        logging=logging if log_level is None else msgspec.structs.replace(logging, level=log_level),
    )


def _checked(settings: Settings, source: str) -> Settings:
    if not settings.scheduler_name:
        raise InvalidSettings(f"{source}: schedulerName: must not be empty")
    if settings.scheduler_name == "default-scheduler":
        raise InvalidSettings(f"{source}: schedulerName: 'default-scheduler' belongs to kube-scheduler")
    if settings.backoff.max_seconds < settings.backoff.initial_seconds:
        raise InvalidSettings(
            f"{source}: backoff.maxSeconds: {settings.backoff.max_seconds:g} is less than initialSeconds,"
            f" {settings.backoff.initial_seconds:g}"
        )
    check_images(settings.images, source)
    return settings


def check_images(images: ImageSettings, source: str) -> None:
    """What one field alone does not tell. Raises InvalidSettings."""
    unknown = images.unknown
    for field, text in (("policy", unknown.policy), ("afterDeadline", unknown.after_deadline)):
        try:
            policy = parse_unknown_policy(text)
        except InvalidUnknownPolicy as error:
            raise InvalidSettings(f"{source}: images.unknown.{field}: {error}") from error
        if field == "afterDeadline" and policy.action is UnknownAction.WAIT:
            raise InvalidSettings(f"{source}: images.unknown.afterDeadline: 'wait' would never end")
    for platform in images.platform_weights:
        try:
            parse_platform(platform)
        except InvalidPlatform as error:
            raise InvalidSettings(f"{source}: images.platformWeights: {error}") from error


def _in_words(error: msgspec.ValidationError, document: object) -> str:
    """msgspec says ``Expected `int`, got `str` - at `$.serving.port` ``; people want the field first, and the value."""
    what, _, where = str(error).partition(" - at ")
    path = where.strip("`").removeprefix("$").removeprefix(".")
    unknown = "Object contains unknown field "
    if what.startswith(unknown):
        field = what.removeprefix(unknown).strip("`")
        return f"{path + '.' if path else ''}{field}: unknown field"
    if not path:
        return what.replace("`", "")
    value = "" if "[" in path else f" (value: {_value_at(document, path)!r})"
    return f"{path}: {what.replace('`', '')}{value}"


def _value_at(document: object, path: str) -> object:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document
