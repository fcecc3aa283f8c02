"""Which credentials serve an image, in which order: the kubelet's BasicDockerKeyring.

Owns keys and order (`pkg/credentialprovider/keyring.go`): matching keys in reverse byte order of their text, several
credentials under one key in the order they came, the key `index.docker.io` only for Docker Hub images that no key fits.
One deviation: `localhost/app` is no Docker Hub image here, so Hub's credential is not sent to localhost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from cachetools import LRUCache

from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.reference import Reference
from scheduler.oci.credential import Credential
from scheduler.oci.docker_config import InvalidDockerConfig, parse_docker_config_json, parse_dockercfg
from scheduler.oci.registry_patterns import fits, parse_location

_PARSERS = {"kubernetes.io/dockerconfigjson": parse_docker_config_json, "kubernetes.io/dockercfg": parse_dockercfg}
_HUB_KEY = "index.docker.io"
_REMEMBERED = 256  # images whose scope is; a pod has a few, a keyring shared by a namespace some more


class CredentialSource(Protocol):
    """Credentials that belong to this process rather than to a pod: files, helpers, plugins."""

    async def credentials(self, reference: Reference) -> Sequence[Credential]:
        """The credentials to try for an image, in order. Never raises: a source that fails has none."""

    async def close(self) -> None:
        """End what is under way."""


class Keyring:
    """The credentials of one pod, from its image pull secrets."""

    def __init__(self, configs: Iterable[Mapping[str, Credential]] = (), failure: ImageFailure | None = None) -> None:
        self.failure = failure
        """Set when a secret could not be read: the kubelet then refuses every pull of the pod, and so do we."""
        self._by_key: dict[str, list[Credential]] = {}
        for config in configs:
            for key, credential in config.items():
                if (index_key := _index_key(key)) is not None:
                    self._by_key.setdefault(index_key, []).append(credential)
        self._keys = sorted(self._by_key, key=str.encode, reverse=True)
        self._scopes: LRUCache[str, str] = LRUCache(_REMEMBERED)

    def __repr__(self) -> str:
        return f"Keyring({len(self._keys)} keys)"

    @classmethod
    def from_pull_secrets(cls, secrets: Iterable[tuple[str, bytes | None]]) -> Keyring:
        """From (type, value of the key that belongs to the type) of each secret, in the pod's order.

        Other types and empty values are passed over. One secret that cannot be read refuses all (see ``failure``).
        """
        configs = []
        for kind, data in secrets:
            parse = _PARSERS.get(kind)
            if parse is None or not data:
                continue
            try:
                configs.append(parse(data))
            except InvalidDockerConfig as error:
                message = f"an image pull secret of type {kind} cannot be read: {error}"
                return cls(failure=ImageFailure(cause=FailureCause.UNAUTHORIZED, message=message))
        return cls(configs)

    def lookup(self, reference: Reference) -> list[Credential]:
        """The credentials to try, in order; an empty list means to ask anonymously."""
        return self.lookup_name(reference.name)

    def lookup_name(self, name: str) -> list[Credential]:
        """The same by ``registry/repository``."""
        found = [credential for key in self._keys if fits(key, name) for credential in self._by_key[key]]
        if not found and _is_hub(name):
            found = list(self._by_key.get(_HUB_KEY, ()))
        return found

    def scope(self, reference: Reference) -> str:
        """Names the credentials ``lookup`` gives, in their order, and tells nothing of them; empty for none."""
        if not self._keys:
            return ""
        name = reference.name
        scope = self._scopes.get(name)
        if scope is None:
            scope = self._scopes[name] = _scope_of(self.lookup_name(name))
        return scope


NO_CREDENTIALS = Keyring()


def _scope_of(credentials: list[Credential]) -> str:
    if not credentials:
        return ""
    identities = "".join(credential.identity for credential in credentials)
    return hashlib.sha256(identities.encode("ascii")).hexdigest()[:16]


def _index_key(key: str) -> str | None:
    location = parse_location(
        key.removeprefix("https://") if key.startswith("https://") else key.removeprefix("http://")
    )
    if location is None:
        return None
    path = location.path[3:] if location.path.startswith(("/v1/", "/v2/")) else location.path
    return location.host if path == "/" else location.host + path


def _is_hub(name: str) -> bool:
    registry, slash, _ = name.partition("/")
    if not slash or registry in ("docker.io", _HUB_KEY):
        return bool(registry)
    return "." not in registry and ":" not in registry and registry != "localhost"
