"""What can go wrong between us and a registry: one small tree.

Each error maps to a `FailureCause` and carries a sentence for users that says which registry did what, for which image.
No text here ever holds a user name, password, token, or a URL with its query. The libraries' own errors end in
`transport`; the resolver turns these into `ImageFailure` values, so none of them leaves the package.
"""

from __future__ import annotations

from typing import ClassVar, Self

from scheduler.images.content import FailureCause, ImageFailure


class RegistryError(Exception):
    """A registry did not give what was asked.

    The sentence is `registry HOST DID for SUBJECT: DETAIL`, for example `registry ghcr.io answered 404 for acme/app:2:
    manifest unknown`. ``retry_after`` is in seconds, where the registry named it.
    """

    cause: ClassVar[FailureCause]

    def __init__(
        self, host: str, did: str, subject: str = "", detail: str = "", retry_after: float | None = None
    ) -> None:
        self.host = host
        self.did = did
        self.subject = subject
        self.detail = detail
        self.retry_after = retry_after
        super().__init__(self.message)

    @property
    def message(self) -> str:
        about = f" for {self.subject}" if self.subject else ""
        why = f": {self.detail}" if self.detail else ""
        return f"registry {self.host} {self.did}{about}{why}"

    def failure(self) -> ImageFailure:
        """The same as a value."""
        return ImageFailure(cause=self.cause, message=self.message, retry_after=self.retry_after)

    def left_alone(self, subject: str, retry_after: float) -> Self:
        """The same failure for another image that was not asked for because of it; without this image's name."""
        return type(self)(
            self.host,
            "is left alone for now and was not asked",
            subject,
            f"lately it {self.did}",
            retry_after=retry_after,
        )


class Passing(RegistryError):
    """Asking again later may help without anyone changing anything."""


class TimedOut(Passing):
    cause = FailureCause.TIMEOUT


class Unreachable(Passing):
    """No such host, refused, reset, cut off."""

    cause = FailureCause.NETWORK


class ServerFault(Passing):
    cause = FailureCause.SERVER_ERROR


class RateLimited(Passing):
    cause = FailureCause.RATE_LIMITED


class Refused(RegistryError):
    """Another credential may get another answer: registries hide private repositories behind 401, 403 and 404 alike."""


class Unauthorized(Refused):
    cause = FailureCause.UNAUTHORIZED


class Forbidden(Refused):
    cause = FailureCause.FORBIDDEN


class NotFound(Refused):
    cause = FailureCause.NOT_FOUND


class TlsFailed(RegistryError):
    cause = FailureCause.TLS


class Blocked(RegistryError):
    """Our own settings forbid asking."""

    cause = FailureCause.BLOCKED


class Malformed(RegistryError):
    """The answer is not what the protocol or the image format says."""

    cause = FailureCause.MALFORMED


class TooLarge(RegistryError):
    cause = FailureCause.TOO_LARGE


class WrongDigest(RegistryError):
    cause = FailureCause.DIGEST_MISMATCH
