"""Subscriptions: what is told, what is not, and when there is an end."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.images.content import FailureCause
from scheduler.oci.resolver import Learnt
from scheduler.rpc.changes import ImageChanges, News, TooSlow
from tests.images.builders import AMD64, ARM64, a_failure, an_image, an_index


def learnt(image: str, *platforms) -> Learnt:
    return Learnt("registry.example", an_index(*platforms), image)


async def test_all_subscribers_are_told_what_is_learnt():
    changes = ImageChanges(most=10)
    both = [changes.subscribe(), changes.subscribe()]
    changes.learnt(learnt("registry.example/web:1", AMD64))
    assert [await each.next() for each in both] == [("registry.example/web:1", an_index(AMD64))] * 2


async def test_an_image_without_a_name_is_nobody_s_business():
    changes = ImageChanges(most=10)
    subscription = changes.subscribe()
    changes.learnt(learnt("", AMD64))
    changes.learnt(learnt("registry.example/web:1", AMD64))
    assert (await subscription.next())[0] == "registry.example/web:1"


async def test_a_subscriber_waits_for_what_comes_later():
    changes = ImageChanges(most=10)
    waiting = asyncio.create_task(changes.subscribe().next())
    await asyncio.sleep(0)
    changes.learnt(learnt("registry.example/web:1", AMD64))
    assert (await waiting)[0] == "registry.example/web:1"


async def test_who_leaves_more_waiting_than_there_is_room_gets_the_rest_and_then_the_end():
    changes = ImageChanges(most=2)
    slow, other = changes.subscribe(), changes.subscribe()
    for number in range(4):
        changes.learnt(learnt(f"registry.example/web:{number}", AMD64))
        if number < 3:
            assert (await other.next())[0].endswith(f":{number}")
    assert [(await slow.next())[0][-1] for _ in range(2)] == ["0", "1"]
    with pytest.raises(TooSlow):
        await slow.next()
    assert (await other.next())[0].endswith(":3")


async def test_who_has_unsubscribed_is_forgotten():
    changes = ImageChanges(most=2)
    changes.unsubscribe(changes.subscribe())
    assert len(changes) == 0


def test_only_what_differs_is_news():
    news = News()
    told = [
        an_image(AMD64),
        an_image(AMD64),
        an_image(ARM64),
        a_failure(FailureCause.TIMEOUT),
        a_failure(FailureCause.TIMEOUT, "in other words"),
        an_image(ARM64),
    ]
    assert [news.is_new("web:1", answer) for answer in told] == [True, False, True, True, False, True]
