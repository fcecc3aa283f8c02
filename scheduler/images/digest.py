"""Digests: which strings are one, and whether content is what its digest says.

Owns the three algorithms that container runtimes link in (opencontainers/go-digest). The grammar of a whole reference
is in ``reference``.
"""

from __future__ import annotations

import hashlib
import re

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})", re.ASCII)

HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


class DigestMismatch(ValueError):
    """Content that hashes to something else than asked for."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"the content hashes to {actual}, not to {expected}")


class InvalidDigest(ValueError):
    """The text is no digest that any runtime would accept."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not a sha256, sha384 or sha512 digest")


def is_digest(text: str) -> bool:
    """True for ``algorithm:hex`` of a known algorithm and its exact length. Safe to put into a URL."""
    return _DIGEST.fullmatch(text) is not None


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    """The digest of ``body`` as text, ``sha256:...``."""
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def verify(body: bytes, digest: str) -> None:
    """Check that ``body`` has this digest. Raises DigestMismatch, or InvalidDigest if it is none."""
    if not is_digest(digest):
        raise InvalidDigest(digest)
    actual = digest_of(body, digest.partition(":")[0])
    if actual != digest:
        raise DigestMismatch(digest, actual)
