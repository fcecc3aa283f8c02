"""Digests: what is one, and what has it."""

from __future__ import annotations

import pytest

from scheduler.images.digest import DigestMismatch, InvalidDigest, digest_of, is_digest, verify


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_content_is_verified_by_each_algorithm(algorithm: str) -> None:
    digest = digest_of(b"content", algorithm)
    assert is_digest(digest)
    verify(b"content", digest)
    with pytest.raises(DigestMismatch, match=digest):
        verify(b"other content", digest)


@pytest.mark.parametrize(
    "text",
    ["", "sha256", "sha256:", f"sha256:{'a' * 63}", f"sha256:{'A' * 64}", f"md5:{'a' * 32}", f"sha512:{'a' * 64}"],
)
def test_what_no_runtime_accepts_is_no_digest(text: str) -> None:
    assert not is_digest(text)
    with pytest.raises(InvalidDigest):
        verify(b"content", text)


def test_a_digest_ends_where_its_digits_end() -> None:
    assert not is_digest(f"sha256:{'a' * 64}\n")
    assert not is_digest(f"../sha256:{'a' * 64}")
