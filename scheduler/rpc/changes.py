"""Who wants to hear what becomes known of images, and has not yet heard it.

Owns the subscriptions. Each has a bounded queue: what a slow subscriber does not take in time ends its subscription,
never the memory of the process or the patience of others. A subscriber is told only what differs from what it was told
last, as far back as is remembered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import MutableMapping

from cachetools import LRUCache

from scheduler.images.content import ImageAnswer, ImageFailure, offered_platforms
from scheduler.oci.resolver import Learnt

_REMEMBERED = 8192

Change = tuple[str, ImageAnswer]
"""An image's name, and what is known of it now."""


class TooSlow(Exception):
    """A subscriber left more waiting than its queue holds."""


class News:
    """What somebody was told of images, so that it is not told again."""

    def __init__(self) -> None:
        self._told: MutableMapping[str, str] = LRUCache(_REMEMBERED)

    def is_new(self, name: str, answer: ImageAnswer) -> bool:
        """Whether it differs from what was told last; from now on it is told."""
        state = _state(answer)
        if self._told.get(name) == state:
            return False
        self._told[name] = state
        return True


class Subscription:
    """To all images. ``most``: bound of the queue."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._news = News()
        self._waiting: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self._is_over = False

    def offer(self, name: str, answer: ImageAnswer) -> None:
        """Queue it if it is news, and there is room; else the subscription is over."""
        if self._is_over or not self._news.is_new(name, answer):
            return
        if len(self._waiting) == self._most:
            self._is_over = True
        else:
            self._waiting.append((name, answer))
        self._arrived.set()

    async def next(self) -> Change:
        """The next one, once there is one. Raises TooSlow after the last one of a subscription that is over."""
        while not self._waiting:
            if self._is_over:
                raise TooSlow
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class ImageChanges:
    """All subscriptions. ``most``: bound of each one's queue."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._subscriptions: set[Subscription] = set()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(self) -> Subscription:
        """From now on, until ``unsubscribe``."""
        subscription = Subscription(self._most)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def learnt(self, learnt: Learnt) -> None:
        """For the resolver. What a pod's own credentials were needed for has no name here, and is told to nobody."""
        if learnt.image:
            for subscription in self._subscriptions:
                subscription.offer(learnt.image, learnt.content)


def _state(answer: ImageAnswer) -> str:
    if isinstance(answer, ImageFailure):
        return answer.cause.value
    return " ".join([answer.digest, *map(str, offered_platforms(answer))])
