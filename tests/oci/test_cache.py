"""What the resolver remembers: for how long, and within which bounds."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.images.content import ContentKind, FailureCause, ImageContent, ImageFailure, IndexEntry, size_of
from scheduler.images.platform import Platform
from scheduler.oci.cache import ImageCache
from scheduler.oci.settings import InvalidRegistrySettings, RegistrySettings

KEY = ("", "ghcr.io/acme/app:1")


def content(number: int, entries: int = 1) -> ImageContent:
    platforms = tuple(
        IndexEntry(f"sha256:{index:064x}", "application/json", Platform("linux", "arm64")) for index in range(entries)
    )
    return ImageContent(f"sha256:{number:064x}", ContentKind.INDEX, entries=platforms)


def failed(cause: FailureCause, retry_after: float | None = None) -> ImageFailure:
    return ImageFailure(cause, "registry ghcr.io said no", retry_after)


FAILURES = [cause for cause in FailureCause if cause not in (FailureCause.PENDING, FailureCause.INVALID_REFERENCE)]


def test_failures_in_a_row_lengthen_the_pause_and_a_success_ends_the_row() -> None:
    cache, now, pauses = ImageCache(RegistrySettings()), 0.0, []
    for _ in range(4):
        answer = cache.failed(KEY, failed(FailureCause.TIMEOUT), now)
        assert isinstance(answer, ImageFailure)
        assert answer.retry_after is not None
        assert cache.answer(KEY, now + answer.retry_after - 1) == answer
        assert cache.answer(KEY, now + answer.retry_after) is None
        pauses.append(answer.retry_after)
        now += 100
    assert pauses == [15, 30, 60, 60]
    cache.learnt(KEY, "ghcr.io", content(1), now)
    cache.failed(KEY, failed(FailureCause.NOT_FOUND), now)
    last = cache.answer(KEY, now)
    assert isinstance(last, ImageFailure)
    assert last.retry_after == 5


@pytest.mark.parametrize("cause", FAILURES)
def test_only_passing_failures_are_covered_by_the_last_answer(cause: FailureCause) -> None:
    passing = {FailureCause.TIMEOUT, FailureCause.NETWORK, FailureCause.SERVER_ERROR, FailureCause.RATE_LIMITED}
    cache = ImageCache(RegistrySettings())
    known = content(1)
    cache.keep("ghcr.io", known)
    cache.learnt(KEY, "ghcr.io", known, 0)
    assert (cache.failed(KEY, failed(cause), 1000) is known) is (cause in passing)


def test_an_answer_that_stands_in_does_not_outlive_its_age() -> None:
    cache = ImageCache(RegistrySettings(stale_lifetime=1000))
    known = content(1)
    cache.keep("ghcr.io", known)
    cache.learnt(KEY, "ghcr.io", known, 0)
    for now in (400, 999):
        assert cache.failed(KEY, failed(FailureCause.TIMEOUT), now) is known
    assert isinstance(cache.failed(KEY, failed(FailureCause.TIMEOUT), 1000), ImageFailure)


def test_scopes_do_not_answer_for_each_other() -> None:
    cache = ImageCache(RegistrySettings())
    cache.keep("ghcr.io", content(1))
    cache.learnt(("alice", KEY[1]), "ghcr.io", content(1), 0)
    assert cache.answer(("bob", KEY[1]), 0) is None


def test_a_content_that_lacks_a_child_is_not_kept_by_digest() -> None:
    cache = ImageCache(RegistrySettings())
    whole = content(1)
    torn = msgspec.structs.replace(
        whole, entries=(msgspec.structs.replace(whole.entries[0], failure=failed(FailureCause.TIMEOUT)),)
    )
    cache.keep("ghcr.io", torn)
    assert cache.content(("ghcr.io", torn.digest)) is None
    assert cache.learnt(KEY, "ghcr.io", torn, 0) is torn
    assert cache.answer(KEY, 14) is torn
    assert cache.answer(KEY, 15) is None


def test_a_content_larger_than_the_cache_is_not_kept() -> None:
    cache = ImageCache(RegistrySettings(cache_size=10_000))
    huge = content(1, entries=100)
    assert size_of(huge) > 10_000
    cache.keep("ghcr.io", huge)
    assert cache.size == 0


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 20), st.booleans(), st.sampled_from(FAILURES)),
        max_size=300,
    ),
    st.integers(2_000, 50_000),
)
def test_the_cache_never_grows_over_its_bound(steps: list[tuple[int, int, bool, FailureCause]], bound: int) -> None:
    cache = ImageCache(RegistrySettings(cache_size=bound))
    for now, (number, entries, good, cause) in enumerate(steps):
        key = ("", f"ghcr.io/acme/app:{number}")
        if good:
            cache.keep("ghcr.io", content(number, entries))
            cache.learnt(key, "ghcr.io", content(number, entries), now)
        else:
            cache.failed(key, failed(cause), now)
        assert cache.size <= bound


def test_contents_and_names_share_one_bound() -> None:
    cache = ImageCache(RegistrySettings(cache_size=100_000))
    for number in range(1000):
        cache.keep("ghcr.io", content(number))
        cache.learnt(("", f"ghcr.io/acme/app:{number}"), "ghcr.io", content(number), number)
    assert 95_000 < cache.size <= 100_000


@pytest.mark.parametrize("field", ["deadline", "concurrency", "cache_size", "redirects"])
def test_settings_that_cannot_work_are_named(field: str) -> None:
    values: dict[str, Any] = {field: -1}
    with pytest.raises(InvalidRegistrySettings, match=f"{field} must be greater than 0, not -1"):
        dataclasses.replace(RegistrySettings(), **values)
