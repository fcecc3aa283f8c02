"""Bearer tokens: asking token services for them, and keeping them while they are good.

Owns the two forms of the request (the docker registry's GET, and OAuth2's POST) and the cache. The key of a token is
registry, realm, service, scopes and the identity of the credential, so no token ever serves another pull secret; one
request is under way per key. When a token is needed is `authentication`.
Sources: distribution's `docs/spec/auth/token.md` and `oauth.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from cachetools import TLRUCache
from yarl import URL

from scheduler.oci.challenges import Challenge
from scheduler.oci.credential import Credential
from scheduler.oci.errors import Blocked, Malformed, ServerFault, Unauthorized
from scheduler.oci.single_flight import SingleFlight
from scheduler.oci.tls import Tls
from scheduler.oci.transport import Answer, Request, Transport

_KEPT_BYTES = 8 * 1024 * 1024
_LONGEST_TOKEN = 64 * 1024  # more fits into no header that a server would take
_SHORTEST_LIFE = 60.0  # seconds; what is absent or shorter counts as this, as in containers/image
_EARLY = 5.0  # seconds before its end that a token is renewed
_CLIENT_ID = "multiarch-scheduler"
_NO_GET = frozenset({400, 404, 405})
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What a token is for: for whom (``identity`` of a credential), from whom, to do what."""

    registry: str
    realm: str
    service: str
    scopes: frozenset[str]
    identity: str


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    text: str
    expires: float  # on the transport's clock


class _TokenAnswer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


class Tokens:
    """Tokens of one process."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._tokens: TLRUCache[TokenKey, _Token] = TLRUCache(
            _KEPT_BYTES, ttu=lambda _key, token, _now: token.expires, timer=transport.now, getsizeof=_size
        )
        self._flights: SingleFlight[TokenKey, str] = SingleFlight()

    def __len__(self) -> int:
        return len(self._tokens)

    async def token(
        self, challenge: Challenge, request: Request, credential: Credential, refused: str | None = None
    ) -> str:
        """A token that answers a Bearer ``challenge`` made to ``request``; never the one in ``refused``.

        Raises RegistryError: Unauthorized when the token service does not accept the credential.
        """
        parameters = challenge.parameters
        key = TokenKey(
            registry=str(request.url.origin()),
            realm=parameters.get("realm", ""),
            service=parameters.get("service", ""),
            scopes=frozenset(parameters.get("scope", "").split()),
            identity=credential.identity,
        )
        token = self._tokens.get(key)
        if token is not None:
            if token.text != refused:
                return token.text
            del self._tokens[key]
        return await self._flights.run(key, lambda: self._fetch(key, request, credential))

    async def close(self) -> None:
        await self._flights.close()

    async def _fetch(self, key: TokenKey, request: Request, credential: Credential) -> str:
        realm = _realm(key, request)
        host = f"{request.host} (token service {realm.host})"
        if credential.identity_token:
            grant = {"grant_type": "refresh_token", "refresh_token": credential.identity_token}
            answer = await self._post(key, realm, request, host, grant)
        else:
            answer = await self._get(key, realm, request, host, credential)
            if answer.status in _NO_GET and not credential.anonymous:
                grant = {"grant_type": "password", "username": credential.username, "password": credential.password}
                answer = await self._post(key, realm, request, host, grant)
        token = _read(answer, host, request.subject, self._transport.now())
        self._tokens[key] = token
        return token.text

    async def _get(self, key: TokenKey, realm: URL, request: Request, host: str, credential: Credential) -> Answer:
        query = [("service", key.service)] if key.service else []
        query += [("scope", scope) for scope in sorted(key.scopes)]
        headers = {} if credential.anonymous else {"Authorization": credential.basic()}
        return await self._transport.send(
            Request(
                "GET",
                realm.extend_query(query),
                host,
                request.subject,
                self._transport.settings.token_limit,
                headers=headers,
                tls=_tls(realm, request),
                sent_by=request.url.host or "",
            )
        )

    async def _post(self, key: TokenKey, realm: URL, request: Request, host: str, grant: dict[str, str]) -> Answer:
        form = {**grant, "service": key.service, "scope": " ".join(sorted(key.scopes)), "client_id": _CLIENT_ID}
        return await self._transport.send(
            Request(
                "POST",
                realm,
                host,
                request.subject,
                self._transport.settings.token_limit,
                form=form,
                tls=_tls(realm, request),
                sent_by=request.url.host or "",
            )
        )


def _size(token: _Token) -> int:
    return len(token.text)


def _realm(key: TokenKey, request: Request) -> URL:
    try:
        realm = URL(key.realm)
        known = realm.host is not None and realm.scheme in ("http", "https")
    except ValueError:
        known = False
    if not known:
        raise Malformed(request.host, "names a token service that is no web address", request.subject)
    if realm.scheme == "http" and request.url.scheme == "https":
        raise Blocked(request.host, "names a token service without TLS", request.subject)
    return realm


def _tls(realm: URL, request: Request) -> Tls:
    return request.tls if realm.origin() == request.url.origin() else request.tls.elsewhere()


def _read(answer: Answer, host: str, subject: str, now: float) -> _Token:
    if answer.status in (401, 403):
        raise Unauthorized(host, f"answered {answer.status}", subject, "it did not accept the credentials")
    if answer.status != 200:
        raise ServerFault(host, f"answered {answer.status}", subject)
    try:
        content = msgspec.json.decode(answer.body, type=_TokenAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed(host, "answered with no token", subject) from None
    text = content.token or content.access_token or ""
    if len(text) > _LONGEST_TOKEN or not _TOKEN.fullmatch(text):  # which keeps line breaks out of our headers
        raise Malformed(host, "answered with no token", subject)
    lifetime = max(content.expires_in or 0.0, _SHORTEST_LIFE)
    return _Token(text, now + lifetime - _EARLY)
