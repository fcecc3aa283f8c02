"""Which requests go through an HTTP proxy: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, as Go programs read them.

Owns the rules of `golang.org/x/net/http/httpproxy`, so that one environment serves this process, containerd and the
kubelet alike: upper case before lower case, `NO_PROXY` with domains, addresses, networks and ports, and loopback never
through a proxy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from yarl import URL

from scheduler.oci.addresses import AddressKind, kind_of_host
from scheduler.oci.settings import InvalidRegistrySettings


class InvalidProxy(InvalidRegistrySettings):
    """A proxy variable holds no address of a proxy; the message names the variable and not its value."""


@dataclass(frozen=True, slots=True)
class _Exception:
    """One part of `NO_PROXY`: a network, or the end of a name; ``port`` 0 for any."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    suffix: str
    subdomains_only: bool
    port: int

    def covers(self, host: str, port: int) -> bool:
        if self.port not in (0, port):
            return False
        if self.network is not None:
            try:
                return ipaddress.ip_address(host) in self.network
            except ValueError:
                return False
        return host.endswith(f".{self.suffix}") or (host == self.suffix and not self.subdomains_only)


class Proxies:
    """The proxies of an environment. Raises InvalidProxy."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._proxies = {
            scheme: proxy
            for scheme in ("http", "https")
            if (proxy := _proxy(f"{scheme.upper()}_PROXY", environment)) is not None
        }
        listed = _value("NO_PROXY", environment)
        self._none = "*" in (part.strip() for part in listed.split(","))
        self._exceptions = tuple(_exceptions(listed))

    def proxy_for(self, url: URL) -> URL | None:
        """The proxy to send a request for ``url`` through."""
        proxy = self._proxies.get(url.scheme)
        host = (url.host or "").rstrip(".").lower()
        if proxy is None or self._none or kind_of_host(host) is AddressKind.LOOPBACK:
            return None
        covered = any(exception.covers(host, url.port or 0) for exception in self._exceptions)
        return None if covered else proxy


def _value(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _proxy(name: str, environment: Mapping[str, str]) -> URL | None:
    text = _value(name, environment)
    if not text:
        return None
    try:
        url = URL(text if "://" in text else f"http://{text}")
        usable = bool(url.host) and url.scheme in ("http", "https")
    except ValueError:
        usable = False
    if not usable:
        raise InvalidProxy(f"{name} is no address of an HTTP proxy")
    return url


def _exceptions(listed: str) -> Iterator[_Exception]:
    for part in (part.strip().lower() for part in listed.split(",")):
        network = _network(part)
        if network is not None:
            yield _Exception(network, "", subdomains_only=False, port=0)
            continue
        host, colon, port = part.rpartition(":")
        if not colon or not port.isdecimal():
            host, port = part, "0"
        network = _network(host.strip("[]"))
        name = host.removeprefix("*")
        if network is not None or name.strip("."):
            yield _Exception(network, name.strip("."), subdomains_only=name.startswith("."), port=int(port))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
