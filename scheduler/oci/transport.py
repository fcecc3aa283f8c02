"""One request to a registry, carried out: turns, time limits, size limits, redirects, retries.

Owns what holds for every request whatever it asks for. Each registry has a lane: a limit of requests under way and a
breaker. Redirects are followed by hand, so that no `Authorization` reaches another host, none leads from https to
http, and none into a private range (`addresses`). What an answer means is `registry`; what is sent to prove who we
are, `tokens`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from cachetools import LRUCache
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from scheduler.oci.addresses import ANYWHERE, AddressKind, kind_of_host, kinds_for_registry, kinds_for_target
from scheduler.oci.breaker import Breaker
from scheduler.oci.connections import Connections
from scheduler.oci.errors import (
    Blocked,
    Malformed,
    Passing,
    RateLimited,
    RegistryError,
    ServerFault,
    TimedOut,
    TlsFailed,
    TooLarge,
)
from scheduler.oci.http_errors import explained
from scheduler.oci.observer import Nobody, Observer
from scheduler.oci.retry_after import retry_after
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.tls import DEFAULT_TLS, InvalidTlsFiles, Tls

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FAULTS = frozenset({500, 502, 503, 504})
_FOR_ANYONE = frozenset({"accept"})  # headers that may follow a redirect to another origin
_REMAINING = re.compile(r"\s*(\d{1,9})\s*(?:;|$)", re.ASCII)  # Docker Hub adds the window: `76;w=21600`
_LANES = 4096
_FIRST_BACKOFF = 0.25


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. ``host`` is the registry as users know it, ``subject`` what it is asked for; both for messages."""

    method: str
    url: URL
    host: str
    subject: str
    limit: int
    """Bytes of the answer's body that are read at most."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    """Sent as the body of a POST."""
    tls: Tls = DEFAULT_TLS
    sent_by: str = ""
    """The host (without port) of the registry that named this URL; empty for a URL of our own making."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole. ``elsewhere``: a redirect led to another origin, whose 401 is not the registry's."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    elsewhere: bool


@dataclass(slots=True)
class _Lane:
    turns: asyncio.Semaphore
    breaker: Breaker


class Transport:
    """Sends requests. One per event loop; ``close`` ends its connections."""

    def __init__(
        self,
        settings: RegistrySettings,
        *,
        now: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        observer: Observer | None = None,
    ) -> None:
        self.settings = settings
        self._observer = observer or Nobody()
        self.now = now
        self._sleep = sleep
        self._connections = Connections(settings)
        self._lanes: LRUCache[str, _Lane] = LRUCache(_LANES)

    async def send(self, request: Request) -> Answer:
        """The answer, of any status but 408, 429 and the 5xx that stand for faults. Raises RegistryError."""
        lane = self._lane(request.url)
        attempt = 0
        while True:
            attempt += 1
            result = await self._attempt(lane, request)
            if isinstance(result, Answer):
                return result
            if attempt >= self.settings.attempts or isinstance(result, TimedOut):
                raise result
            pause = result.retry_after if result.retry_after is not None else _FIRST_BACKOFF * 2 ** (attempt - 1)
            if pause > self.settings.longest_wait:
                raise result
            await self._sleep(pause)

    async def close(self) -> None:
        await self._connections.close()

    async def _attempt(self, lane: _Lane, request: Request) -> Answer | Passing:
        """One try. A passing fault is returned, for the caller to try again; anything else is raised."""
        async with lane.turns:
            wait = lane.breaker.wait(self.now())
            if wait > 0:
                return self._not_now(lane.breaker, request, wait)
            try:
                answer = await self._follow(request)
            except (Passing, TlsFailed) as error:
                lane.breaker.failed(error, self.now())
                if isinstance(error, TlsFailed):
                    raise
                return error
            except BaseException:
                lane.breaker.abandoned()
                raise
            fault = _fault(request, answer)
            if fault is None:
                lane.breaker.succeeded()
                return answer
            if isinstance(fault, RateLimited):
                lane.breaker.limited(fault, self.now())
            else:
                lane.breaker.failed(fault, self.now())
            return fault

    def _not_now(self, breaker: Breaker, request: Request, wait: float) -> Passing:
        reason = breaker.reason
        if reason is None:  # an open breaker has one
            raise AssertionError(breaker.state)
        error = reason.left_alone(request.subject, wait)
        if isinstance(error, Passing):
            return error
        raise error

    def _lane(self, url: URL) -> _Lane:
        name = f"{url.host}:{url.port}"
        lane = self._lanes.get(name)
        if lane is None:
            settings = self.settings
            breaker = Breaker(settings.breaker_failures, settings.breaker_pause)
            lane = self._lanes[name] = _Lane(asyncio.Semaphore(settings.concurrency), breaker)
        return lane

    async def _follow(self, request: Request) -> Answer:
        url, headers = request.url, CIMultiDict(request.headers)
        kinds = kinds_for_registry(url.host or "", self.settings)
        registry_host = url.host or ""
        if request.sent_by:
            kinds = self._kinds_elsewhere(url, request.sent_by)
            registry_host = request.sent_by
        elsewhere = False
        tls = request.tls
        for _ in range(self.settings.redirects + 1):
            status, answer_headers, body = await self._observed(request, url, headers, kinds, tls)
            location = answer_headers.get("Location")
            if status not in _REDIRECTS or location is None or request.form is not None:
                return Answer(status, answer_headers, body, elsewhere)
            target = _target(request, url, location)
            if target.origin() != url.origin():
                elsewhere = True
                headers = CIMultiDict({name: value for name, value in headers.items() if name.lower() in _FOR_ANYONE})
                tls = request.tls.elsewhere()
                kinds = self._kinds_elsewhere(target, registry_host)
            url = target
        raise Malformed(request.host, f"redirected more than {self.settings.redirects} times", request.subject)

    def _kinds_elsewhere(self, url: URL, registry_host: str) -> frozenset[AddressKind]:
        return kinds_for_target(url.host or "", self._connections.kinds_of(registry_host), self.settings)

    async def _observed(
        self, request: Request, url: URL, headers: CIMultiDict[str], kinds: frozenset[AddressKind], tls: Tls
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        try:
            answer = await self._exchange(request, url, headers, kinds, tls)
        except RegistryError:
            self._observer.registry_failed(request.host, request.method)
            raise
        status, answer_headers, _ = answer
        self._observer.registry_answered(request.host, request.method, status)
        remaining = _REMAINING.match(answer_headers.get("RateLimit-Remaining", ""))
        if remaining is not None:
            self._observer.registry_allows(request.host, int(remaining[1]))
        return answer

    async def _exchange(
        self, request: Request, url: URL, headers: CIMultiDict[str], kinds: frozenset[AddressKind], tls: Tls
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        proxy = self._connections.proxy_for(url)
        if proxy is not None:
            if kind_of_host(url.host or "") not in (None, *kinds):
                raise Blocked(request.host, f"sent us to {url.host}, an address that may not be asked", request.subject)
            kinds = ANYWHERE  # the connection goes to the proxy
        session = self._connections.session(kinds)
        try:
            context = self._connections.context(tls) if url.scheme == "https" else True
            async with session.request(
                request.method,
                url,
                headers=headers,
                data=request.form,
                allow_redirects=False,
                ssl=context,
                proxy=proxy,
            ) as response:
                return response.status, response.headers, await _read(request, response)
        except aiohttp.ConnectionTimeoutError:
            limit = self.settings.connect_timeout
            raise TimedOut(request.host, f"gave no connection within {limit:g} s", request.subject) from None
        except TimeoutError:
            limit = self.settings.time_for_request
            raise TimedOut(request.host, f"did not answer within {limit:g} s", request.subject) from None
        except InvalidTlsFiles as error:
            raise TlsFailed(request.host, "cannot be asked", request.subject, str(error)) from None
        except aiohttp.ClientError as error:
            at = "" if url.host == request.url.host else url.host or ""
            raise explained(error, request.host, request.subject, at) from None


async def _read(request: Request, response: aiohttp.ClientResponse) -> bytes:
    if request.method == "HEAD":
        return b""
    declared = response.content_length
    body = bytearray()
    if declared is None or declared <= request.limit:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > request.limit:
                break
        else:
            return bytes(body)
    response.close()  # the rest is not worth reading to keep the connection
    raise TooLarge(request.host, f"answered with more than {request.limit} bytes", request.subject)


def _target(request: Request, url: URL, location: str) -> URL:
    try:
        target = url.join(URL(location, encoded=True))  # encoded: a signed URL must stay as it is, byte by byte
        scheme, host = target.scheme, target.host
    except ValueError:
        scheme, host = "", None
    if host is None or scheme not in ("http", "https"):
        raise Malformed(request.host, "redirected to something that is no web address", request.subject)
    if url.scheme == "https" and scheme == "http":
        raise Blocked(request.host, "redirected from https to plain http", request.subject)
    return target


def _fault(request: Request, answer: Answer) -> Passing | None:
    did = f"answered {answer.status}"
    if answer.status == 408:
        return TimedOut(request.host, did, request.subject)
    if answer.status == 429:
        return RateLimited(request.host, did, request.subject, "too many requests", retry_after(answer.headers))
    if answer.status in _FAULTS:
        return ServerFault(request.host, did, request.subject, retry_after=retry_after(answer.headers))
    return None
