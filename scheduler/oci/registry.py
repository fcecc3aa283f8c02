"""The registry's protocol as far as reading needs it: manifests and config blobs.

Owns what is asked (one `Accept` for HEAD and GET, so that both speak of the same digest), the meaning of each status,
and the check that bytes are what their digest says. Proof of identity is `authentication`, carrying out is
`transport`, putting documents together is `image_reader`. Source: the OCI distribution specification 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from yarl import URL

from scheduler.images.digest import DigestMismatch, digest_of, is_digest, verify
from scheduler.images.media_types import ACCEPT, DOCKER_SCHEMA1_SIGNED, essence
from scheduler.oci.authentication import Authenticator
from scheduler.oci.credential import Credential
from scheduler.oci.endpoints import Endpoint
from scheduler.oci.errors import Forbidden, Malformed, NotFound, RegistryError, ServerFault, Unauthorized, WrongDigest
from scheduler.oci.schema1_payload import schema1_payload
from scheduler.oci.transport import Answer, Request, Transport

_ACCEPT = {"Accept": ", ".join(ACCEPT)}
_LONGEST_DETAIL = 160
_REFUSALS: dict[int, type[RegistryError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    410: NotFound,
    451: Forbidden,
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest or index as served; ``body`` has this ``digest``."""

    digest: str
    body: bytes
    content_type: str | None


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error] | None = None


class RegistryClient:
    """Reads from registries."""

    def __init__(self, transport: Transport) -> None:
        self._settings = transport.settings
        self._authenticator = Authenticator(transport)

    async def digest(self, endpoint: Endpoint, target: str, credential: Credential) -> str | None:
        """Which digest a tag (or digest) names, by HEAD, which registries do not count as a pull.

        None when this registry cannot tell by HEAD. Raises RegistryError.
        """
        answer = await self._send("HEAD", endpoint, endpoint.manifest(target), target, credential)
        if answer.status == 200:
            digest = answer.headers.get("Docker-Content-Digest", "")
            return digest if is_digest(digest) and "Content-Length" in answer.headers else None
        if answer.status in (400, 403, 404, 405, 501):
            return None  # HEAD has no body, so only GET tells the reason; some registries know no HEAD at all
        raise _refusal(answer, endpoint, _subject(endpoint, target))

    async def manifest(self, endpoint: Endpoint, target: str, credential: Credential) -> Fetched:
        """The document that a tag or digest names. Raises RegistryError."""
        answer = await self._send("GET", endpoint, endpoint.manifest(target), target, credential)
        subject = _subject(endpoint, target)
        if answer.status != 200:
            raise _refusal(answer, endpoint, subject)
        content_type = answer.headers.get("Content-Type")
        claimed = target if is_digest(target) else answer.headers.get("Docker-Content-Digest")
        if claimed is None:
            return Fetched(digest_of(answer.body), answer.body, content_type)
        _verify(answer.body, claimed, content_type, endpoint, subject)
        return Fetched(claimed, answer.body, content_type)

    async def config(self, endpoint: Endpoint, digest: str, credential: Credential) -> bytes:
        """A config blob. Raises RegistryError."""
        answer = await self._send("GET", endpoint, endpoint.blob(digest), digest, credential)
        subject = _subject(endpoint, digest)
        if answer.status != 200:
            raise _refusal(answer, endpoint, subject)
        _verify(answer.body, digest, None, endpoint, subject)
        return answer.body

    async def close(self) -> None:
        await self._authenticator.close()

    async def _send(self, method: str, endpoint: Endpoint, url: URL, target: str, credential: Credential) -> Answer:
        blob = "/blobs/" in url.path
        request = Request(
            method,
            url,
            endpoint.host,
            _subject(endpoint, target),
            self._settings.config_limit if blob else self._settings.manifest_limit,
            headers=endpoint.headers if blob else {**endpoint.headers, **_ACCEPT},
            tls=endpoint.tls,
        )
        return await self._authenticator.send(request, endpoint.repository, credential)


def _subject(endpoint: Endpoint, target: str) -> str:
    return f"{endpoint.repository}{'@' if is_digest(target) else ':'}{target}"


def _verify(body: bytes, digest: str, content_type: str | None, endpoint: Endpoint, subject: str) -> None:
    if not is_digest(digest):
        raise Malformed(endpoint.host, "answered with an unusable Docker-Content-Digest", subject)
    try:
        verify(body, digest)
    except DigestMismatch:
        payload = schema1_payload(body) if essence(content_type) == DOCKER_SCHEMA1_SIGNED else None
        if payload is None or digest_of(payload, digest.partition(":")[0]) != digest:
            raise WrongDigest(endpoint.host, "served content of another digest", subject) from None


def _refusal(answer: Answer, endpoint: Endpoint, subject: str) -> RegistryError:
    default = ServerFault if answer.status >= 500 else Malformed
    kind = _REFUSALS.get(answer.status, default)
    return kind(endpoint.host, f"answered {answer.status}", subject, _reason(answer.body))


def _reason(body: bytes) -> str:
    """What the registry's error document says, fit for one line; empty when there is none."""
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if not errors:
        return ""
    text = errors[0].message or (errors[0].code or "").replace("_", " ").lower()
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_LONGEST_DETAIL]
