"""What was promised counts until it comes true, is asked for again, or is given up."""

from __future__ import annotations

import pytest

from extender.verbs.promises import Promises
from scheduler.cluster.cache import Cache
from scheduler.images.content import ImageContent
from tests.extender.builders import a_mixed_cache, a_pod, an_index, pod_info

GIVE_UP = 60.0
ARM: ImageContent = an_index("linux/arm64")


@pytest.fixture
def cache() -> Cache:
    return a_mixed_cache()


@pytest.fixture
def promises(cache: Cache) -> Promises:
    return Promises(cache, GIVE_UP)


def promise(promises: Promises, cache: Cache, pod: str, now: float = 0.0) -> None:
    promises.make(pod_info(cache, ARM, pod), "arm-0", now)


def test_a_promise_counts_until_it_is_forgotten(cache: Cache, promises: Promises) -> None:
    promise(promises, cache, "web-0")
    assert (promises.node("uid-web-0"), cache.node_of("uid-web-0")) == ("arm-0", "arm-0")
    promises.forget("uid-web-0")
    assert (promises.node("uid-web-0"), cache.node_of("uid-web-0")) == (None, None)
    promises.forget("uid-web-0")


def test_a_promise_that_does_not_come_true_is_given_up(cache: Cache, promises: Promises) -> None:
    promise(promises, cache, "early", now=0.0)
    promise(promises, cache, "late", now=30.0)
    assert promises.expire(59.0) == 0
    assert promises.expire(60.0) == 1
    assert cache.node_of("uid-early") is None
    assert cache.node_of("uid-late") == "arm-0"


def test_a_promise_that_came_true_is_not_given_up(cache: Cache, promises: Promises) -> None:
    promise(promises, cache, "web-0")
    bound = a_pod("web-0")
    bound.spec.node_name = "arm-0"
    cache.add_pod(bound)
    assert promises.expire(GIVE_UP + 1) == 0
    assert cache.node_of("uid-web-0") == "arm-0"


def test_nothing_is_promised_to_a_pod_that_was_seen_bound(cache: Cache, promises: Promises) -> None:
    bound = a_pod("web-0")
    bound.spec.node_name = "amd-0"
    cache.add_pod(bound)
    promise(promises, cache, "web-0")
    assert promises.node("uid-web-0") is None
    promises.forget("uid-web-0")
    assert cache.node_of("uid-web-0") == "amd-0"


def test_a_promise_renewed_is_not_given_up_with_the_old_one(cache: Cache, promises: Promises) -> None:
    promise(promises, cache, "web-0", now=0.0)
    promises.forget("uid-web-0")
    promise(promises, cache, "web-0", now=50.0)
    assert promises.expire(60.0) == 0
    assert promises.expire(110.0) == 1
