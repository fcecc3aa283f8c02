"""The kubelet's credential provider plugins: `CredentialProviderConfig`, and the programs it names.

Owns their protocol and cache (`pkg/credentialprovider/plugin`): a plugin runs when one of its ``matchImages`` fits,
its answer is kept by image, registry or for all, and goes through a keyring of its own. A plugin that fails has no
credentials, and says so through ``on_problem``. Plugins answer for the identity of the pod that this process runs in,
which may be another than the node's. Plugins that want a service account's token (``tokenAttributes``) are refused at
the start.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import yaml
from cachetools import TLRUCache

from scheduler.images.reference import Reference
from scheduler.oci.credential import Credential
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.docker_config import InvalidDockerConfig, parse_auths
from scheduler.oci.docker_credentials import OnProblem
from scheduler.oci.programs import ProgramFailed, run
from scheduler.oci.registry_patterns import fits, parse_location
from scheduler.oci.settings import InvalidRegistrySettings
from scheduler.oci.single_flight import SingleFlight
from scheduler.oci.transport import Clock

_GROUP = "credentialprovider.kubelet.k8s.io"
_API_VERSIONS = frozenset(f"{_GROUP}/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_SECONDS = 60.0
_KEPT = 1024
_PROCESSES = 4  # of one plugin at once
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|ms|s|m|h)", re.ASCII)
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class InvalidProviderConfig(InvalidRegistrySettings):
    """The message names the file and the provider."""


class _Variable(msgspec.Struct):
    name: str
    value: str = ""


class Provider(msgspec.Struct, frozen=True, rename="camel"):
    """One plugin, as configured."""

    name: str
    match_images: tuple[str, ...]
    default_cache_duration: str
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[_Variable, ...] = ()
    token_attributes: object = None


class _Config(msgspec.Struct):
    kind: Literal["CredentialProviderConfig"]
    providers: list[Provider] = []


class _Answer(msgspec.Struct, rename="camel"):
    kind: Literal["CredentialProviderResponse"]
    api_version: str
    cache_key_type: Literal["Image", "Registry", "Global"]
    cache_duration: str | None = None
    auth: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    keyring: Keyring
    until: float


class CredentialProvider:
    """A source of credentials: one plugin."""

    def __init__(self, provider: Provider, directory: Path, *, now: Clock, on_problem: OnProblem) -> None:
        self._provider = provider
        self._program = directory / provider.name
        self._now = now
        self._on_problem = on_problem
        self._kept: TLRUCache[str, _Kept] = TLRUCache(_KEPT, ttu=lambda _key, kept, _now: kept.until, timer=now)
        self._flights: SingleFlight[str, Keyring] = SingleFlight()
        self._turns = asyncio.Semaphore(_PROCESSES)

    async def credentials(self, reference: Reference) -> Sequence[Credential]:
        """What the plugin gives for an image that one of its patterns fits."""
        name = reference.name
        if not any(fits(pattern, name) for pattern in self._provider.match_images):
            return ()
        keyring = self._known(reference) or await self._flights.run(name, lambda: self._in_turn(reference))
        return keyring.lookup(reference)

    async def close(self) -> None:
        await self._flights.close()

    def _known(self, reference: Reference) -> Keyring | None:
        for key in (reference.name, reference.registry, ""):
            kept = self._kept.get(key)
            if kept is not None:
                return kept.keyring
        return None

    async def _in_turn(self, reference: Reference) -> Keyring:
        async with self._turns:  # the answer for another image of the registry may do for this one
            return self._known(reference) or await self._ask(reference)

    async def _ask(self, reference: Reference) -> Keyring:
        provider = self._provider
        request = {"apiVersion": provider.api_version, "kind": "CredentialProviderRequest", "image": reference.name}
        environment = {variable.name: variable.value for variable in provider.env}
        try:
            answer = self._decode(
                await run(self._program, provider.args, msgspec.json.encode(request), _SECONDS, environment)
            )
            keyring = Keyring([parse_auths(answer.auth)])
            lifetime = duration(answer.cache_duration or provider.default_cache_duration)
        except (ProgramFailed, InvalidDockerConfig, InvalidProviderConfig) as error:
            self._on_problem(f"credential provider {provider.name} has nothing for {reference.name}: {error}")
            return NO_CREDENTIALS
        if lifetime > 0:
            key = {"Image": reference.name, "Registry": reference.registry, "Global": ""}[answer.cache_key_type]
            self._kept[key] = _Kept(keyring, self._now() + lifetime)
        return keyring

    def _decode(self, ended: tuple[int, bytes]) -> _Answer:
        status, output = ended
        if status != 0:
            raise ProgramFailed(f"{self._program} ended with {status}")
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProgramFailed(f"{self._program} gave no CredentialProviderResponse") from None
        if answer.api_version != self._provider.api_version:
            raise ProgramFailed(f"{self._program} answered in another apiVersion than configured")
        return answer


def read_providers(path: Path) -> list[Provider]:
    """The providers of a file, or of a directory's files in the order of their names. Raises InvalidProviderConfig."""
    files = [path]
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix in (".json", ".yaml", ".yml"))
    providers = [provider for file in files for provider in _read(file)]
    names = [provider.name for provider in providers]
    for name in names:
        if names.count(name) > 1:
            raise InvalidProviderConfig(f"{path}: provider {name!r} is given more than once")
    return providers


def duration(text: str) -> float:
    """Seconds of a Go duration: `12h`, `1m30s`, `0s`. Raises InvalidProviderConfig."""
    if text in ("0", "+0"):
        return 0.0
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise InvalidProviderConfig(f"{text!r} is no duration such as 12h or 1m30s")
    return sum(float(part[1]) * _UNITS[part[2].replace("\u00b5", "u")] for part in parts)


def _read(file: Path) -> list[Provider]:
    try:
        providers = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), _Config).providers
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidProviderConfig(f"{file}: {error}") from None
    for provider in providers:
        _check(provider, f"{file}: provider {provider.name!r}")
    return providers


def _check(provider: Provider, where: str) -> None:
    if not provider.name or "/" in provider.name or provider.name in (".", ".."):
        raise InvalidProviderConfig(f"{where}: the name is no file name")
    if provider.api_version not in _API_VERSIONS:
        raise InvalidProviderConfig(f"{where}: apiVersion {provider.api_version!r} is not supported")
    if provider.token_attributes is not None:
        raise InvalidProviderConfig(f"{where}: tokenAttributes are not supported, the scheduler asks for no tokens")
    if not provider.match_images:
        raise InvalidProviderConfig(f"{where}: matchImages is empty")
    for pattern in provider.match_images:
        if parse_location(pattern) is None:
            raise InvalidProviderConfig(f"{where}: {pattern!r} in matchImages is no pattern for images")
    try:
        duration(provider.default_cache_duration)
    except InvalidProviderConfig as error:
        raise InvalidProviderConfig(f"{where}: defaultCacheDuration: {error}") from None
