"""Who may pull from the sandbox registry: users, private repositories, bearer tokens.

Owns the registry's half of the token protocol (distribution's `docs/spec/auth/token.md`): the challenges, the token
service and the check of what comes back. Repositories are public unless they are named private.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

_SERVICE = "sandbox-registry"


@dataclass(slots=True)
class _Issued:
    repositories: frozenset[str]
    expires: float


@dataclass(slots=True)
class Access:
    """Rules and issued tokens.

    ``private``: repositories that only ``users`` may pull. ``basic``: ask for user and password on each request instead
    of a token. ``identity_tokens``: refresh tokens and the user each belongs to. ``lifetime``: of a token, in seconds;
    ``announced``: what the answer says of it, if it lies.
    """

    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    private: frozenset[str] = frozenset()
    basic: bool = False
    identity_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    lifetime: float = 300.0
    announced: float | None = None
    now: Callable[[], float] = time.monotonic
    _issued: dict[str, _Issued] = field(default_factory=dict, repr=False)

    def refusal(self, request: web.Request, repository: str) -> web.Response | None:
        """The 401 for a request that may not read ``repository``; None when it may.

        With tokens, public repositories need one too, an anonymous one: so do Docker Hub and most others.
        """
        authorization = request.headers.get("Authorization", "")
        if self.basic:
            if repository not in self.private or self._user(authorization) is not None:
                return None
            return unauthorized(f'Basic realm="{_SERVICE}"')
        error = self._token_error(authorization, repository)
        if error is None:
            return None
        challenge = (
            f'Bearer realm="{request.scheme}://{request.host}/token",service="{_SERVICE}",'
            f'scope="repository:{repository}:pull"'
        )
        return unauthorized(challenge + (f',error="{error}"' if error else ""))

    async def issue(self, request: web.Request) -> web.Response:
        """The token service."""
        if request.method == "POST":
            form = await request.post()
            user = self._grant({key: str(value) for key, value in form.items()})
            scopes = str(form.get("scope", "")).split()
            if user is None:
                return web.json_response({"error": "invalid_grant"}, status=401)
        else:
            authorization = request.headers.get("Authorization")
            user = None if authorization is None else self._user(authorization)
            scopes = request.query.getall("scope", [])
            if authorization is not None and user is None:
                return unauthorized(f'Basic realm="{_SERVICE}"')
        token = secrets.token_urlsafe(24)
        self._forget_expired()
        self._issued[token] = _Issued(frozenset(self._granted(scopes, user)), self.now() + self.lifetime)
        expires_in = self.lifetime if self.announced is None else self.announced
        return web.json_response({"token": token, "expires_in": int(expires_in)})

    def revoke_tokens(self) -> None:
        """Refuse all tokens issued so far."""
        self._issued.clear()

    def _granted(self, scopes: Iterable[str], user: str | None) -> Iterable[str]:
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            repository, _, actions = rest.rpartition(":")
            if kind == "repository" and "pull" in actions.split(",") and (user or repository not in self.private):
                yield repository

    def _token_error(self, authorization: str, repository: str) -> str | None:
        """None for a token that is good, "" for none at all, else the error of RFC 6750."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return ""
        issued = self._issued.get(token)
        if issued is None or self.now() >= issued.expires:
            return "invalid_token"
        return None if repository in issued.repositories else "insufficient_scope"

    def _grant(self, form: Mapping[str, str]) -> str | None:
        if form.get("grant_type") == "refresh_token":
            return self.identity_tokens.get(form.get("refresh_token", ""))
        return self._known(form.get("username", ""), form.get("password", ""))

    def _user(self, authorization: str) -> str | None:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._known(name, password)

    def _known(self, name: str, password: str) -> str | None:
        expected = self.users.get(name)
        if expected is None or not secrets.compare_digest(expected.encode(), password.encode()):
            return None
        return name

    def _forget_expired(self) -> None:
        now = self.now()
        self._issued = {token: issued for token, issued in self._issued.items() if now < issued.expires}


def unauthorized(challenge: str) -> web.Response:
    """A 401 as registries word it."""
    return error_response(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """The error document of the distribution specification."""
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status, headers=headers)
