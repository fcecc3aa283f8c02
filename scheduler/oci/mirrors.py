"""The places that stand for a registry, in order: mirrors first, the registry itself last.

Owns how the two kinds of mirror configuration become endpoints. They belong to nodes; given here too, the resolver sees
registries as the nodes do. Reading the files is `hosts_toml` and `registries_conf`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler.images.reference import InvalidReference, Reference, parse_reference
from scheduler.oci.endpoints import Endpoint, FindEndpoints, api_host, base_url, own_endpoint, speaks_plain_http
from scheduler.oci.errors import Blocked, Malformed
from scheduler.oci.hosts_toml import Host, hosts_of, read_hosts_directory
from scheduler.oci.registries_conf import RegistriesConf, Registry, read_registries_conf
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.tls import DEFAULT_TLS, Tls, check_files

_ANY_CERTIFICATE = Tls(verify=False)


@dataclass(frozen=True, slots=True)
class Places:
    """``endpoints`` for a full name; ``expand`` gives the full names that a name without registry may stand for."""

    endpoints: FindEndpoints
    expand: Callable[[str], tuple[str, ...]]


def places_from(settings: RegistrySettings) -> Places:
    """What the settings say. Raises InvalidHostsFile, InvalidRegistriesConf or InvalidTlsFiles."""
    if settings.registries_conf is not None:
        found = ContainersEndpoints(settings, settings.registries_conf)
        return Places(found, found.conf.expand)
    if settings.hosts_directory is not None:
        return Places(ContainerdEndpoints(settings, settings.hosts_directory), _itself)
    return Places(lambda reference: (own_endpoint(reference, settings),), _itself)


def _itself(image: str) -> tuple[str, ...]:
    return (image,)


class ContainerdEndpoints:
    """By the `hosts.toml` files under one directory, containerd's `config_path`.

    Raises InvalidHostsFile, InvalidTlsFiles.
    """

    def __init__(self, settings: RegistrySettings, directory: Path) -> None:
        self._settings = settings
        self._hosts = read_hosts_directory(directory)
        for hosts in self._hosts.values():
            for host in hosts:
                check_files(host.tls)

    def __call__(self, reference: Reference) -> Sequence[Endpoint]:
        own = own_endpoint(reference, self._settings)
        hosts = hosts_of(reference.registry, self._hosts)
        if hosts is None:
            return (own,)
        by_digest = reference.digest is not None
        found = [_at_host(host, own, reference) for host in hosts if host.serves(by_digest=by_digest)]
        if not found:
            raise Blocked(reference.registry, "has no host that may be asked", reference.repository)
        return found


class ContainersEndpoints:
    """By `registries.conf`. Raises InvalidRegistriesConf."""

    def __init__(self, settings: RegistrySettings, file: Path) -> None:
        self._settings = settings
        self.conf: RegistriesConf = read_registries_conf(file)

    def __call__(self, reference: Reference) -> Sequence[Endpoint]:
        name = str(reference)
        registry = self.conf.find(name)
        if registry is None:
            return (own_endpoint(reference, self._settings),)
        if registry.blocked:
            raise Blocked(reference.registry, "is blocked by registries.conf", reference.repository)
        return list(self._places(registry, name, by_digest=reference.digest is not None))

    def _places(self, registry: Registry, name: str, *, by_digest: bool) -> Iterator[Endpoint]:
        for mirror in registry.mirror:
            if mirror.serves(by_digest=by_digest) and (by_digest or not registry.mirror_by_digest_only):
                yield from self._at(registry.rewritten(name, mirror.location), insecure=mirror.insecure)
        yield from self._at(registry.rewritten(name, registry.location), insecure=registry.insecure)

    def _at(self, name: str, *, insecure: bool) -> Iterator[Endpoint]:
        try:
            reference = parse_reference(name)
        except InvalidReference as error:
            raise Malformed(name.partition("/")[0], "is named by registries.conf", "", str(error)) from None
        own = own_endpoint(reference, self._settings)
        if not insecure or speaks_plain_http(reference.registry, self._settings):
            yield own
            return
        # containers/image tries TLS with any certificate, then plain HTTP
        yield Endpoint(own.host, own.base, own.repository, tls=_ANY_CERTIFICATE)
        yield Endpoint(own.host, own.base.with_scheme("http"), own.repository)


def _at_host(host: Host, own: Endpoint, reference: Reference) -> Endpoint:
    headers = dict(host.headers)
    if host.base is None:
        tls = own.tls if host.tls == DEFAULT_TLS else host.tls
        return Endpoint(own.host, own.base, own.repository, headers=headers, tls=tls)
    authority = f"{host.base.host}:{host.base.port}"
    own_authority = f"{own.base.host}:{own.base.port}"
    is_itself = authority == own_authority or host.base.host == api_host(reference.registry)
    return Endpoint(
        reference.registry if is_itself else f"{reference.registry} (mirror {host.base.authority})",
        base_url(str(host.base), reference.registry, reference.repository),
        reference.repository,
        namespace="" if is_itself else reference.registry,
        headers=headers,
        tls=host.tls,
    )
