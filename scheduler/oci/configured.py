"""The operator's settings about images -> the settings of everything that speaks to registries.

Owns the translation, which the scheduler, the extender and the expander have in common.
"""

from __future__ import annotations

from pathlib import Path

from scheduler.config.images import ImageSettings
from scheduler.oci.settings import RegistrySettings


def registry_settings(settings: ImageSettings) -> RegistrySettings:
    """The operator's settings about images, as the registry side takes them."""
    registries = settings.registries
    providers = registries.credential_providers
    return RegistrySettings(
        deadline=settings.timeout_seconds,
        concurrency=registries.max_requests,
        open_children=settings.deep_check,
        cache_size=settings.cache_megabytes * 2**20,
        tag_lifetime=settings.tag_lifetime_seconds,
        stale_lifetime=settings.stale_days * 86_400,
        share_by_digest=registries.share_by_digest,
        use_proxies=registries.use_proxies,
        plain_http=frozenset(registries.plain_http),
        ca_files=tuple(map(Path, registries.ca_files)),
        hosts_directory=_path(registries.hosts_directory),
        registries_conf=_path(registries.registries_conf),
        docker_configs=tuple(map(Path, registries.docker_configs)),
        credential_providers=None if providers is None else Path(providers.config),
        credential_provider_programs=None if providers is None else Path(providers.programs),
        allowed=tuple(registries.allowed),
        denied=tuple(registries.denied),
        allow_loopback=registries.allow_loopback,
        private_targets=tuple(registries.private_targets),
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
