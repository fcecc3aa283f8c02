"""One credential for a registry.

Owns how it names itself without showing itself: neither ``repr`` nor ``identity`` lets anyone guess a password.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property

_KEY = secrets.token_bytes(32)  # per process, so that an identity in a dump is no target for guessing passwords


@dataclass(frozen=True, repr=False)
class Credential:
    """A user name with a password, or an identity (refresh) token for token services."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Credential(...)"

    @property
    def anonymous(self) -> bool:
        """Nothing a registry could check: runtimes send no credential when the user name is empty."""
        return not self.username and not self.identity_token

    @cached_property
    def identity(self) -> str:
        """Names the credential within this process; equal for equal credentials."""
        digest = hashlib.blake2b(key=_KEY, digest_size=16)
        for part in (self.username, self.password, self.identity_token):
            digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
        return digest.hexdigest()

    def basic(self) -> str:
        """The value of an ``Authorization`` header for the Basic scheme (RFC 7617, UTF-8)."""
        pair = f"{self.username}:{self.password}".encode("utf-8", "surrogateescape")
        return "Basic " + base64.b64encode(pair).decode("ascii")


ANONYMOUS = Credential()
