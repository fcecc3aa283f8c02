"""Where an image is asked for: the base URLs that stand for its registry.

Owns the registry's own address; mirrors come before it through the same type. The rule for plain HTTP is containerd's:
`localhost` and loopback addresses with a port other than 443.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from yarl import URL

from scheduler.images.reference import DOCKER_HUB, Reference
from scheduler.oci.addresses import AddressKind, kind_of_host
from scheduler.oci.settings import RegistrySettings

_HUB_HOST = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place to ask for one image. ``host`` is its name for users, ``base`` its URL up to and with `/v2`."""

    host: str
    base: URL
    repository: str

    def manifest(self, target: str) -> URL:
        return self.base / self.repository / "manifests" / target

    def blob(self, digest: str) -> URL:
        return self.base / self.repository / "blobs" / digest


FindEndpoints = Callable[[Reference], Sequence[Endpoint]]
"""The places to ask for an image, in order."""


def own_endpoint(reference: Reference, settings: RegistrySettings) -> Endpoint:
    """The registry that the reference names."""
    host = _HUB_HOST if reference.registry == DOCKER_HUB else reference.registry
    scheme = "http" if speaks_plain_http(reference.registry, settings) else "https"
    return Endpoint(reference.registry, URL(f"{scheme}://{host}/v2"), reference.repository)


def speaks_plain_http(registry: str, settings: RegistrySettings) -> bool:
    """True for registries in the settings, and for loopback hosts with a port."""
    if registry in settings.plain_http:
        return True
    name, colon, port = registry.rpartition(":")
    return bool(colon) and port not in ("", "443") and kind_of_host(name) is AddressKind.LOOPBACK
