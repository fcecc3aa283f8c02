"""Who we are for the API server: the Authorization header, and how it is kept fresh.

Owns the port ``Credentials`` and the simple sources: none, a fixed header, a token in a file that somebody rotates.
Plugins are in ``exec_plugin``, client certificates in ``certificates``; ``connection`` chooses. Tokens never appear
in a repr or a message.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scheduler.kube.errors import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable


class Credentials(Protocol):
    """Asked before every request, so the common answer must be cheap."""

    @property
    def certificates(self) -> int:
        """Goes up whenever a new client certificate was loaded; open connections still carry the old one."""

    async def authorization(self) -> str | None:
        """The Authorization header's value, or None. Raises Unauthorized when it cannot be had."""

    def rejected(self, authorization: str | None) -> None:
        """The server answered 401 to this header: get another one before the next request."""


def fits_header(text: str) -> bool:
    """Whether ``text`` can be sent: a token with a line end in it would make every request fail without a reason."""
    return bool(text) and text.isascii() and text.isprintable()


class FixedCredentials:
    """A header that never changes, or none at all (a client certificate, or an open test server)."""

    certificates = 0

    def __init__(self, authorization: str | None = None) -> None:
        self._authorization = authorization

    async def authorization(self) -> str | None:
        return self._authorization

    def rejected(self, authorization: str | None) -> None:
        """There is no other header to offer."""


class TokenFile:
    """A bearer token in a file, such as a projected ServiceAccount token, which the kubelet replaces in time.

    Read again after ``period`` seconds (client-go reads once a minute) and at once after a refusal. While the file
    cannot be read the last token stays in use.
    """

    certificates = 0

    def __init__(self, path: Path, *, period: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._period = period
        self._clock = clock
        self._authorization: str | None = None
        self._read_at = 0.0

    async def authorization(self) -> str | None:
        now = self._clock()
        if self._authorization is None or now >= self._read_at + self._period:
            self._authorization = self._read(self._authorization)
            self._read_at = now
        return self._authorization

    def rejected(self, authorization: str | None) -> None:
        if authorization == self._authorization:
            self._read_at = float("-inf")

    def _read(self, last: str | None) -> str:
        try:
            token = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            if last is not None:
                return last
            raise Unauthorized(f"the token file {self._path} cannot be read ({error})") from error
        if fits_header(token):
            return f"Bearer {token}"
        if last is not None:
            return last
        raise Unauthorized(f"the token file {self._path} holds no token")
