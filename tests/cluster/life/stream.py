"""A steady stream of pods that come, run a moment, and go, whatever else happens to the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

from tests.cluster.kube_client import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.place import Place

PODS_PER_SECOND = 5
RUNS_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 10.0
"""Of a pod of the stream, for a node. There is always one, so this is far above what a busy machine needs."""


@dataclasses.dataclass
class Stream:
    """``bound``: by pod that was seen to have a node, that node and the time (``time.monotonic``)."""

    place: Place
    created: dict[str, float] = dataclasses.field(default_factory=dict)
    bound: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)
    gone: set[str] = dataclasses.field(default_factory=set)

    def on(self, node: str, since: float) -> list[str]:
        """The pods that were seen to be bound to a node since then."""
        return [name for name, (where, at) in self.bound.items() if where == node and at >= since]

    async def create(self) -> None:
        while True:
            name = f"stream-{len(self.created)}"
            await self.place.pod(name, labels={"app": "stream"}, cpu="50m", memory="1Mi")
            self.created[name] = time.monotonic()
            await asyncio.sleep(1 / PODS_PER_SECOND)

    async def follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(0.1)

    async def look(self) -> None:
        kube, namespace = self.place.kube, self.place.namespace
        now = time.monotonic()
        for pod in await kube.list("Pod", namespace, labelSelector="app=stream"):
            name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
            if not node:
                waited = now - self.created.get(name, now)
                assert waited < LONGEST_WAIT_SECONDS, f"{name} waits for {waited:.0f} s: {pod['status']}"
                continue
            _, since = self.bound.setdefault(name, (node, now))
            if now - since > RUNS_SECONDS and name not in self.gone:
                self.gone.add(name)
                path = await kube.path("v1", "Pod", namespace, name)
                await kube.request("DELETE", path, gracePeriodSeconds="0")


@contextlib.asynccontextmanager
async def stream_of_pods(place: Place) -> AsyncIterator[Stream]:
    """Pods come until the block ends; then all of them have had a node."""
    stream = Stream(place)
    async with asyncio.TaskGroup() as group:
        coming, following = group.create_task(stream.create()), group.create_task(stream.follow())
        yield stream
        coming.cancel()

        async def all_bound() -> bool:
            return stream.bound.keys() >= stream.created.keys()

        await eventually("all pods of the stream are bound", all_bound, LONGEST_WAIT_SECONDS)
        following.cancel()
