"""Where an image is asked for: the base URLs that stand for its registry.

Owns the type, and the registry's own address; mirrors come before it through the same type (`mirrors`). The rules for
`localhost` are containerd's: with a port other than 443 plain HTTP, else TLS with any certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from yarl import URL

from scheduler.images.reference import DOCKER_HUB, Reference
from scheduler.oci.addresses import AddressKind, kind_of_host
from scheduler.oci.errors import Unreachable
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.tls import DEFAULT_TLS, Tls

_HUB_HOST = "registry-1.docker.io"
_ANY_CERTIFICATE = Tls(verify=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place to ask for one image. ``host`` is its name for users, ``base`` its URL up to and with `/v2`."""

    host: str
    base: URL
    repository: str
    namespace: str = ""
    """The registry it stands for, told as `?ns=`; empty for the registry itself."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Tls = DEFAULT_TLS

    def manifest(self, target: str) -> URL:
        return self._url("manifests", target)

    def blob(self, digest: str) -> URL:
        return self._url("blobs", digest)

    def _url(self, kind: str, name: str) -> URL:
        url = self.base / self.repository / kind / name
        return url.with_query(ns=self.namespace) if self.namespace else url


FindEndpoints = Callable[[Reference], Sequence[Endpoint]]
"""The places to ask for an image, in order; at least one. Raises RegistryError: Blocked where none may be asked."""


def own_endpoint(reference: Reference, settings: RegistrySettings) -> Endpoint:
    """The registry that the reference names. Raises Unreachable for a host that no URL can be made of."""
    registry = reference.registry
    scheme = "http" if speaks_plain_http(registry, settings) else "https"
    base = base_url(f"{scheme}://{api_host(registry)}/v2", registry, reference.repository)
    is_local = kind_of_host(base.host or "") is AddressKind.LOOPBACK
    return Endpoint(registry, base, reference.repository, tls=_ANY_CERTIFICATE if is_local else DEFAULT_TLS)


def base_url(text: str, host: str, subject: str) -> URL:
    """The URL in ``text``. Raises Unreachable."""
    try:
        url = URL(text)
        if url.host:  # is decoded here, and may turn out to be none
            return url
    except ValueError:
        pass
    raise Unreachable(host, "cannot be reached", subject, "its name is no host and port that exist")


def api_host(registry: str) -> str:
    """The host that serves a registry's API: another one for Docker Hub only."""
    return _HUB_HOST if registry == DOCKER_HUB else registry


def speaks_plain_http(registry: str, settings: RegistrySettings) -> bool:
    """True for registries in the settings, and for loopback hosts with a port."""
    if registry in settings.plain_http:
        return True
    name, colon, port = registry.rpartition(":")
    return bool(colon) and port not in ("", "443") and kind_of_host(name) is AddressKind.LOOPBACK
