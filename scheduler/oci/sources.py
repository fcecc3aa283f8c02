"""The credentials of this process, in the kubelet's order: docker configuration files, then credential providers."""

from __future__ import annotations

from pathlib import Path

from scheduler.oci.credential_providers import CredentialProvider, InvalidProviderConfig, read_providers
from scheduler.oci.credentials import CredentialSource
from scheduler.oci.docker_credentials import DockerConfigFile, OnProblem
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.transport import Clock


def sources_from(settings: RegistrySettings, *, now: Clock, on_problem: OnProblem) -> list[CredentialSource]:
    """What the settings name. Raises InvalidProviderConfig."""
    sources: list[CredentialSource] = [
        DockerConfigFile(path, now=now, on_problem=on_problem) for path in settings.docker_configs
    ]
    if settings.credential_providers is not None:
        directory = settings.credential_provider_programs
        if directory is None or not directory.is_dir():
            raise InvalidProviderConfig(f"credential_provider_programs: {_named(directory)} is no directory")
        sources.extend(
            CredentialProvider(provider, directory, now=now, on_problem=on_problem)
            for provider in read_providers(settings.credential_providers)
        )
    return sources


def _named(directory: Path | None) -> str:
    return "nothing" if directory is None else str(directory)
