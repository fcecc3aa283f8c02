"""Keeps what is known of images in the cluster, where restarts and other replicas find it.

Owns the pace: what the resolver learns is written through at so many writes a second, and what was not seen for long is
dropped, from time to time. What to write follows from ``shared_images``. Nothing waits for any of this: while the API
server refuses, the newest findings are dropped, and each registry is asked again after the next restart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from scheduler.config.images import SharingSettings
from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import ApiError, Conflict, NotFound, explain
from scheduler.kube.image_platforms import PATH, ImagePlatforms, create, delete, touch
from scheduler.kube.rate_limit import RateLimit
from scheduler.kube.reflector import Reflector
from scheduler.kube.requests import ApiClient
from scheduler.loops.clock import now
from scheduler.loops.shared_images import Create, Delete, SharedImages, Touch
from scheduler.oci.resolver import Learnt, Resolver

COLLECT_SECONDS = 600.0
"""Between two looks for what is too old; replicas take turns by chance."""

_MOST_PENDING = 10_000
_BURST = 10
_DAY = 86_400.0


class Sharing:
    """Reads and writes ImagePlatforms objects. ``on_declared``: as ``SharedImages`` says."""

    def __init__(
        self,
        settings: SharingSettings,
        client: ApiClient,
        resolver: Resolver,
        *,
        on_declared: Callable[[frozenset[str]], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._client = client
        self._on_problem = on_problem
        self._images = SharedImages(resolver, on_declared=on_declared, on_problem=on_problem)
        self._pending: dict[tuple[str, str, str], Learnt] = {}
        self._is_pending = asyncio.Event()
        self._pace = RateLimit(settings.writes_per_second, _BURST)
        self._backoff = Backoff(1.0, limit=60.0)
        self._reflector = Reflector(client, PATH, ImagePlatforms, self._images, on_problem=on_problem)
        resolver.on_learnt.append(self._learnt)

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self._images)

    @property
    def synced(self) -> asyncio.Event:
        """Set once all objects were read."""
        return self._reflector.synced

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reflector.run())
            group.create_task(self._write())
            group.create_task(self._collect())

    def _learnt(self, learnt: Learnt) -> None:
        if len(self._pending) < _MOST_PENDING:
            self._pending[learnt.registry, learnt.content.digest, learnt.image] = learnt
            self._is_pending.set()

    async def _write(self) -> None:
        await self.synced.wait()  # before, all would seem new
        while True:
            await self._is_pending.wait()
            self._is_pending.clear()
            while self._pending:
                learnt = self._pending.pop(next(iter(self._pending)))
                write = self._images.worth_writing(learnt)
                if write is not None and not await self._send(write):
                    self._learnt(learnt)

    async def _collect(self) -> None:
        await self.synced.wait()
        settings = self._settings
        while True:
            for outdated in list(self._images.outdated(settings.max_age_days * _DAY, settings.max_objects)):
                await self._send(outdated)
            await asyncio.sleep(COLLECT_SECONDS * random.uniform(0.5, 1.5))

    async def _send(self, write: Create | Touch | Delete) -> bool:
        """False if it is to be tried again. What somebody else changed meanwhile comes back by the watch."""
        await asyncio.sleep(self._pace.reserve(now()))
        try:
            match write:
                case Create():
                    await create(self._client, write.registry, write.content, write.images, write.seen)
                case Touch():
                    await touch(self._client, write.name, write.resource_version, write.images, write.seen)
                case Delete():
                    await delete(self._client, write.name, write.resource_version)
        except (Conflict, NotFound):
            return True
        except ApiError as error:
            delay = max(self._backoff.next(), error.retry_after or 0.0)
            self._on_problem(
                f"what is known of images cannot be shared: {explain(error, self._client.server)};"
                f" trying again in {delay:.1f} s"
            )
            await asyncio.sleep(delay)
            return not error.transient
        self._backoff.reset()
        return True
