"""The signed part of a Docker schema 1 manifest.

Its digest leaves the signatures out, so verifying one means to cut them off first. Source: distribution's
`manifest/schema1` and libtrust's JSON signatures: each signature protects the length of the payload's head and its
tail.
"""

from __future__ import annotations

import base64
import binascii

import msgspec


class _Protected(msgspec.Struct, rename="camel"):
    format_length: int
    format_tail: str


class _Signature(msgspec.Struct):
    protected: str


class _Signed(msgspec.Struct):
    signatures: list[_Signature]


def schema1_payload(body: bytes) -> bytes | None:
    """The bytes that the digest of a signed schema 1 manifest is of; None when ``body`` is no such document."""
    try:
        signatures = msgspec.json.decode(body, type=_Signed).signatures
        if not signatures:
            return None
        protected = msgspec.json.decode(_unpadded(signatures[0].protected), type=_Protected)
        return body[: protected.format_length] + _unpadded(protected.format_tail)
    except (msgspec.DecodeError, binascii.Error, UnicodeError):
        return None


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
