"""HTTP sessions whose connections may reach certain kinds of address only.

Owns aiohttp's sessions: one per set of allowed address kinds, because a kept-alive connection must not serve a
request that would not have been allowed to open it. The check is made on the address a socket is about to connect to,
behind name resolution, so a name cannot be swapped in between.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cachetools import LRUCache
from yarl import URL

from scheduler.oci.addresses import AddressKind, kind_of_address, kind_of_host
from scheduler.oci.proxies import Proxies
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.tls import Tls, TlsContexts, check_files

if TYPE_CHECKING:
    from aiohttp.connector import AddrInfoType

_FORBIDDEN = "the address is in a range that this request may not reach"
_KNOWN_HOSTS = 1024
_CONNECTIONS = 100


class Connections:
    """The sessions of one event loop. They open no connection until they are used.

    Raises InvalidTlsFiles for certificate authorities in the settings that cannot be read, and InvalidProxy.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._sessions: dict[frozenset[AddressKind], aiohttp.ClientSession] = {}
        self._resolver: _RememberingResolver | None = None
        check_files(Tls(settings.ca_files))
        self._tls = TlsContexts(settings.ca_files)
        self._proxies = Proxies(os.environ if settings.use_proxies else {})

    def proxy_for(self, url: URL) -> URL | None:
        """The proxy for a request. Which addresses are reached behind it is then the proxy's rule."""
        return self._proxies.proxy_for(url)

    def context(self, tls: Tls) -> ssl.SSLContext:
        """Raises InvalidTlsFiles."""
        return self._tls.context(tls)

    def session(self, kinds: frozenset[AddressKind]) -> aiohttp.ClientSession:
        """The session for requests that may reach addresses of these ``kinds``."""
        session = self._sessions.get(kinds)
        if session is None:
            session = self._sessions[kinds] = self._open(kinds)
        return session

    def kinds_of(self, host: str) -> frozenset[AddressKind]:
        """At which kinds of address ``host`` (without port) is; empty for a name that was not connected to yet."""
        kind = kind_of_host(host)
        if kind is not None:
            return frozenset({kind})
        return frozenset() if self._resolver is None else self._resolver.kinds.get(host, frozenset())

    async def close(self) -> None:
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()
        if self._resolver is not None:
            await self._resolver.real_close()
            self._resolver = None

    def _open(self, kinds: frozenset[AddressKind]) -> aiohttp.ClientSession:
        if self._resolver is None:
            self._resolver = _RememberingResolver()
        settings = self._settings
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                limit=_CONNECTIONS,
                limit_per_host=settings.concurrency,
                ttl_dns_cache=30,
                socket_factory=_guarded_sockets(kinds),
            ),
            # connect=None: a wait for a free connection counts as part of the request, not as a slow connection
            timeout=aiohttp.ClientTimeout(
                total=settings.time_for_request, sock_connect=settings.connect_timeout, sock_read=None
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # digests are of the bytes sent, and no small answer unfolds into a large one
            headers={"User-Agent": "multiarch-scheduler", "Accept-Encoding": "identity"},
            trust_env=False,  # it would send credentials from ~/.netrc
        )


def is_forbidden_address(error: BaseException) -> bool:
    """Did a connection fail because its address was not allowed?"""
    return _FORBIDDEN in str(error)


class _Sockets:
    def __init__(self, kinds: frozenset[AddressKind]) -> None:
        self._kinds = kinds

    def __call__(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if kind_of_address(str(address[0])) not in self._kinds:
            raise OSError(errno.EACCES, _FORBIDDEN)
        return socket.socket(family=family, type=kind, proto=protocol)


def _guarded_sockets(kinds: frozenset[AddressKind]) -> _Sockets:
    return _Sockets(kinds)


class _RememberingResolver(AbstractResolver):
    """The system's resolver, shared by all sessions, that remembers which kinds of address a name has."""

    def __init__(self) -> None:
        self.kinds: LRUCache[str, frozenset[AddressKind]] = LRUCache(_KNOWN_HOSTS)
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        self.kinds[host] = frozenset(kind_of_address(entry["host"]) for entry in found)
        return found

    async def close(self) -> None:
        """Sessions close the resolver they were given; this one outlives each of them."""

    async def real_close(self) -> None:
        await self._system.close()
