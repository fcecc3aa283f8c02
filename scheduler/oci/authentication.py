"""Requests with proof of who asks: reacting to 401.

Owns the conversation: send, read the challenges of a 401, get a token or use Basic, send again; a refused token is
renewed once, a scope the registry asks for once more. Bearer goes before Basic, as in containerd. A 401 that came from
where a redirect led is not answered: that host must not learn a credential meant for the registry.
"""

from __future__ import annotations

import dataclasses

from cachetools import LRUCache

from scheduler.oci.challenges import Challenge, parse_challenges
from scheduler.oci.credential import Credential
from scheduler.oci.tokens import Tokens
from scheduler.oci.transport import Answer, Request, Transport

_REMEMBERED = 1024
_WORTH_RETRY = ("invalid_token", "insufficient_scope")


class Authenticator:
    """Sends requests on behalf of a credential."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._tokens = Tokens(transport)
        # What a registry asked for last, so that the next request for the repository brings it along.
        self._challenges: LRUCache[tuple[str, str, str], Challenge] = LRUCache(_REMEMBERED)

    async def send(self, request: Request, repository: str, credential: Credential) -> Answer:
        """The answer; a 401 in it is final for this credential. Raises RegistryError."""
        key = (str(request.url.origin()), repository, credential.identity)
        challenge = self._challenges.get(key)
        remembered = challenge is not None
        if challenge is None:
            answer = await self._transport.send(request)
            challenge = _challenge(answer, credential)
            if challenge is None:
                return answer
        renewed = False
        refused = None
        while True:
            proof = await self._proof(challenge, request, credential, refused)
            answer = await self._transport.send(_with_authorization(request, proof))
            asked = _challenge(answer, credential)
            if asked is None:
                self._challenges[key] = challenge
                return _without_echo(answer, proof, credential)
            if renewed or not (remembered or _worth_retry(asked, challenge)):
                self._challenges.pop(key, None)
                return _without_echo(answer, proof, credential)
            renewed = True
            challenge, refused = asked, proof.removeprefix("Bearer ")

    async def close(self) -> None:
        await self._tokens.close()

    async def _proof(self, challenge: Challenge, request: Request, credential: Credential, refused: str | None) -> str:
        if challenge.scheme == "basic":
            return credential.basic()
        return "Bearer " + await self._tokens.token(challenge, request, credential, refused)


def _challenge(answer: Answer, credential: Credential) -> Challenge | None:
    """The challenge of a 401 that we can answer; None for every other answer."""
    if answer.status != 401 or answer.elsewhere:
        return None
    challenges = parse_challenges(answer.headers.getall("WWW-Authenticate", ()))
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
            return challenge
    for challenge in challenges:
        if challenge.scheme == "basic" and not credential.anonymous:
            return challenge
    return None


def _worth_retry(asked: Challenge, answered: Challenge) -> bool:
    """May another proof be accepted? A token may have ended early or lack a scope; Basic stays the same."""
    if asked.scheme != "bearer":
        return False
    return (
        answered.scheme != "bearer"
        or asked.parameters.get("error") in _WORTH_RETRY
        or asked.parameters.get("scope") != answered.parameters.get("scope")
    )


def _without_echo(answer: Answer, proof: str, credential: Credential) -> Answer:
    """A refusal may repeat what it was sent, and its text reaches users: without its body in that case."""
    if answer.status == 200:
        return answer
    secrets = (proof.partition(" ")[2], credential.password, credential.identity_token)
    echoed = any(secret.encode("utf-8", "surrogateescape") in answer.body for secret in secrets if secret)
    return dataclasses.replace(answer, body=b"") if echoed else answer


def _with_authorization(request: Request, proof: str) -> Request:
    return dataclasses.replace(request, headers={**request.headers, "Authorization": proof})
