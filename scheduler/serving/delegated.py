"""Asks the API server who calls, and whether they may: TokenReview, then SubjectAccessReview.

Owns the two questions and how long an answer holds (10 s each, as for kube-scheduler: ``--authentication-token-webhook-
cache-ttl``, ``--authorization-webhook-cache-*-ttl``). The group system:masters may read everything. What cannot be
checked is refused. The process needs the ClusterRole system:auth-delegator.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, TypeVar

import msgspec
from cachetools import TTLCache

from scheduler.kube.errors import ApiError, MalformedAnswer
from scheduler.kube.requests import ApiClient
from scheduler.serving.access import Refusal

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
MASTERS = "system:masters"

ANSWER_SECONDS = 10.0
REMEMBERED = 1000
AT_ONCE = 4
"""Callers with ever new tokens must not make us flood the API server."""


class User(msgspec.Struct, frozen=True):
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = {}


class _TokenStatus(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: User = User()


class _TokenReview(msgspec.Struct, frozen=True):
    status: _TokenStatus = _TokenStatus()


class _AccessStatus(msgspec.Struct, frozen=True):
    allowed: bool = False


class _AccessReview(msgspec.Struct, frozen=True):
    status: _AccessStatus = _AccessStatus()


R = TypeVar("R", _TokenReview, _AccessReview)


class DelegatedAccess:
    """As ``access.Access``."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._users: TTLCache[bytes, User | None] = TTLCache(REMEMBERED, ANSWER_SECONDS)
        self._allowed: TTLCache[tuple[bytes, str], bool] = TTLCache(REMEMBERED, ANSWER_SECONDS)
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def refusal(self, path: str, token: str | None, peer: str) -> Refusal | None:
        if token is None:
            return Refusal(401, "a bearer token is needed")
        key = hashlib.sha256(token.encode()).digest()  # so that no token stays in memory
        try:
            user = await self._user(key, token)
            if user is None:
                return Refusal(401, "the API server does not know this token")
            if await self._may_read(key, user, path):
                return None
        except ApiError as error:
            return Refusal(500, f"the API server could not be asked whether you may: {error}")
        return Refusal(403, f'user "{user.username}" may not get {path}: a ClusterRole with nonResourceURLs allows it')

    async def _user(self, key: bytes, token: str) -> User | None:
        if key in self._users:
            return self._users[key]
        question = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        status = (await self._ask(TOKEN_REVIEWS, question, _TokenReview)).status
        self._users[key] = status.user if status.authenticated else None
        return self._users[key]

    async def _may_read(self, key: bytes, user: User, path: str) -> bool:
        if MASTERS in user.groups:
            return True
        if (key, path) in self._allowed:
            return self._allowed[key, path]
        spec = {
            "user": user.username,
            "uid": user.uid,
            "groups": user.groups,
            "extra": user.extra,
            "nonResourceAttributes": {"path": path, "verb": "get"},
        }
        question = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        allowed = (await self._ask(ACCESS_REVIEWS, question, _AccessReview)).status.allowed
        self._allowed[key, path] = allowed
        return allowed

    async def _ask(self, path: str, question: dict[str, Any], type_: type[R]) -> R:
        async with self._asking:
            body = await self._client.post(path, msgspec.json.encode(question))
        try:
            return msgspec.json.decode(body, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedAnswer(f"POST {path}: {error}") from error
