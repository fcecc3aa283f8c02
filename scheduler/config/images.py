"""Settings about images: what is preferred, how registries are asked, what is remembered and shared.

Both programs, the scheduler and the extender, have this group under ``images``. How an answer is used is in
``scheduler.images``, how it is got in ``scheduler.oci``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from scheduler.config.strict import Count, InvalidSettings, Seconds, Strict, Weight
from scheduler.images.platform import InvalidPlatform, parse_platform
from scheduler.images.runtime_classes import InvalidRuntimeClass, RuntimeClasses
from scheduler.images.unknown_policy import InvalidUnknownPolicy, UnknownAction, parse_unknown_policy

Days = Annotated[float, msgspec.Meta(gt=0, le=3650)]


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


class CredentialProviderSettings(Strict, frozen=True):
    """The kubelet's credential provider plugins. They answer for the identity of this pod, not of a node."""

    config: str
    """CredentialProviderConfig: a file, or a directory of them."""
    programs: str
    """The directory with the programs that it names."""


class RegistriesSettings(Strict, frozen=True):
    """Which registries are asked, through which ways, and as whom. Files are read at the start."""

    allowed: list[str] = []
    """When not empty, only these registries are asked: ``ghcr.io``, ``*.example.com``, ``registry.local:*``."""
    denied: list[str] = []
    """Registries that are never asked; goes before ``allowed``. Default: none."""
    allow_loopback: bool = True
    """Whether registries, and mirrors, at loopback addresses are asked. Default: true; inside a cluster, where pods
    choose which registry that is, better false: the loopback is the scheduler's own, never the node's."""
    private_targets: list[str] = []
    """Hosts with private addresses to which registries may send us on, for tokens or blobs. Default: none."""
    plain_http: list[str] = []
    """Registries (``host:port``) spoken to without TLS, besides those on the loopback address. Default: none."""
    ca_files: list[str] = []
    """Certificate authorities (PEM) trusted for every registry beside the system's. Default: none."""
    hosts_directory: str | None = None
    """containerd's ``config_path``: mirrors and certificates by ``hosts.toml``, as nodes have them. Default: none."""
    registries_conf: str | None = None
    """containers' ``registries.conf``, for clusters on CRI-O; not with ``hostsDirectory``. Default: none."""
    docker_configs: list[str] = []
    """Docker configuration files whose credentials are tried after those of the pod. Default: none."""
    credential_providers: CredentialProviderSettings | None = None
    """Plugins whose credentials are tried last. Default: none."""
    share_by_digest: bool = False
    """Answer an image named by digest from what another pod's credentials read, without asking again. Default: false.
    """
    use_proxies: bool = True
    """Go through the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Default: true."""
    max_requests: Count = 8
    """Requests under way at once to one registry. Default: 8."""


class ImageSettings(Strict, frozen=True):
    """What is preferred among platforms, and how the platforms of images are learnt."""

    platform_weights: dict[str, Weight] = {}
    """Score 0 to 100 by node platform, most specific first: ``linux/arm64: 100``. Default: no preference."""
    unknown: UnknownSettings = UnknownSettings()
    registries: RegistriesSettings = RegistriesSettings()
    read_pull_secrets: bool = True
    """Whether the pods' imagePullSecrets are read. Default: true; false spares the permission to read secrets."""
    runtime_classes: dict[str, str] = {}
    """By RuntimeClass name: ``skip`` (its pods' images put no demand on nodes) or the platform that its handler runs,
    such as ``wasi/wasm``. Default: none, every class runs what its node runs."""
    deep_check: bool = False
    """Read each image of an index and refuse those whose own configuration says another platform than the index.
    Default: false, as container runtimes do; costs two requests a platform, which registries count as pulls."""
    timeout_seconds: Seconds = 30.0
    """For all requests that one image takes. Default: 30."""
    tag_lifetime_seconds: Seconds = 300.0
    """How long a tag is believed to point at the same digest. Default: 300."""
    stale_days: Days = 1.0
    """How long the last known digest of a tag stands in while its registry does not answer. Default: 1."""
    cache_megabytes: Count = 32
    """Bound of the cache of what images are built for. Default: 32."""


class SharingSettings(Strict, frozen=True):
    """Whether what is known of images is kept in the cluster, as ImagePlatforms objects. Restarts and other replicas
    then start with it, and administrators can declare what images are built for that cannot be read."""

    enabled: bool = False
    """Default: false. Takes a permission of its own: ``manifests/sharing``."""
    max_age_days: Days = 30.0
    """How long an image is kept that was not seen again. Default: 30."""
    max_objects: Count = 10_000
    """How many are kept at most, by and large; the ones not seen for longest go first. Default: 10000."""
    writes_per_second: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 5.0
    """How many are written at most, after a first burst. Default: 5."""


def check_images(images: ImageSettings, source: str) -> None:
    """What one field alone does not tell; ``source`` names the file in errors. Raises InvalidSettings."""
    for problem in _problems(images):
        raise InvalidSettings(f"{source}: images.{problem}")


def _problems(images: ImageSettings) -> Iterator[str]:
    unknown = images.unknown
    for field, text in (("policy", unknown.policy), ("afterDeadline", unknown.after_deadline)):
        try:
            policy = parse_unknown_policy(text)
        except InvalidUnknownPolicy as error:
            yield f"unknown.{field}: {error}"
            continue
        if field == "afterDeadline" and policy.action is UnknownAction.WAIT:
            yield "unknown.afterDeadline: 'wait' would never end"
    for platform in images.platform_weights:
        try:
            parse_platform(platform)
        except InvalidPlatform as error:
            yield f"platformWeights: {error}"
    try:
        RuntimeClasses(images.runtime_classes)
    except InvalidRuntimeClass as error:
        yield f"runtimeClasses: {error}"
    yield from _registry_problems(images.registries)


def _registry_problems(registries: RegistriesSettings) -> Iterator[str]:
    lists = {
        "allowed": registries.allowed,
        "denied": registries.denied,
        "privateTargets": registries.private_targets,
        "plainHttp": registries.plain_http,
    }
    for field, hosts in lists.items():
        for host in hosts:
            if not host or "/" in host or any(character.isspace() for character in host):
                yield f"registries.{field}: {host!r} is no host or host:port"
    if registries.hosts_directory is not None and registries.registries_conf is not None:
        yield "registries: hostsDirectory and registriesConf exclude each other"
