"""Where may a request go? The guard against being sent into places only this process can reach.

A registry, or a token service or redirect it names, is text written by someone else. Owns two rules: which registries
are asked at all (allow and deny lists), and which kinds of network address a request may connect to. `transport`
applies the second to each connection when its address is known, so a name that resolves into a private range is
caught too.
"""

from __future__ import annotations

import enum
import ipaddress
from fnmatch import fnmatchcase

from scheduler.oci.errors import Blocked
from scheduler.oci.settings import RegistrySettings

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressKind(enum.Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"  # the clouds' metadata services are here


ANYWHERE = frozenset(AddressKind)
_REGISTRIES = ANYWHERE - {AddressKind.LINK_LOCAL}  # no registry lives at a link-local address


def kind_of_address(text: str) -> AddressKind:
    """The kind of an IP address; an IPv4 address inside an IPv6 one counts as what it is. Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.is_loopback or address.is_unspecified:
        return AddressKind.LOOPBACK
    if address.is_link_local:
        return AddressKind.LINK_LOCAL
    return AddressKind.PUBLIC if address.is_global else AddressKind.PRIVATE


def kind_of_host(host: str) -> AddressKind | None:
    """The kind of a host that is an address or `localhost`; None for a name that must be resolved first."""
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return AddressKind.LOOPBACK
    try:
        return kind_of_address(host.strip("[]"))
    except ValueError:
        return None


def check_registry(registry: str, subject: str, settings: RegistrySettings) -> None:
    """Raise Blocked when the lists forbid to ask ``registry`` (`host` or `host:port`)."""
    if any(fnmatchcase(registry, pattern) for pattern in settings.denied):
        raise Blocked(registry, "is on the list of denied registries and was not asked", subject)
    if settings.allowed and not any(fnmatchcase(registry, pattern) for pattern in settings.allowed):
        raise Blocked(registry, "is not on the list of allowed registries and was not asked", subject)


def kinds_for_registry(host: str, settings: RegistrySettings) -> frozenset[AddressKind]:
    """Where a connection to a registry, or to a mirror of it, at ``host`` may go."""
    if host in settings.private_targets:
        return ANYWHERE
    return _REGISTRIES if settings.allow_loopback else _REGISTRIES - {AddressKind.LOOPBACK}


def kinds_for_target(
    target: str, registry_kinds: frozenset[AddressKind], settings: RegistrySettings
) -> frozenset[AddressKind]:
    """Where a connection to host ``target`` may go when a registry at ``registry_kinds`` sends us there.

    To public addresses, to the kind the registry itself is at, and anywhere if the settings name the target.
    """
    if target in settings.private_targets:
        return ANYWHERE
    own = registry_kinds if settings.allow_loopback else registry_kinds - {AddressKind.LOOPBACK}
    return own | {AddressKind.PUBLIC}
