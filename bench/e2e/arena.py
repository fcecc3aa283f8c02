"""The control plane that all contenders meet on: the nodes, and the pods of one run.

Owns creating and clearing. Objects are made over the API by this process, which is not measured.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.e2e.course import Course
from bench.e2e.journal import NAMESPACE, Journal, audit_flags
from bench.e2e.progress import Progress
from scheduler.kube.connection import connect
from scheduler.kube.requests import ApiClient, RequestSettings
from tests.cluster.control_plane import ControlPlane

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_AT_ONCE = 32


class _ListMeta(msgspec.Struct, rename="camel"):
    remaining_item_count: int = 0


class _List(msgspec.Struct):
    items: list[msgspec.Raw]
    metadata: _ListMeta


@dataclass
class Arena:
    """``folder`` is for the files of those who run in it."""

    plane: ControlPlane
    client: ApiClient
    journal: Journal
    folder: Path

    async def furnish(self, course: Course, progress: Progress) -> None:
        """Make what is there before any pod."""
        for path, documents in course.furniture():
            await self.create(path, documents, lambda count: progress(f"{count:,} made"))

    async def create(self, path: str, objects: Iterable[bytes], progress: Callable[[int], None]) -> int:
        """Create them all, and tell ``progress`` how many are there; returns how many."""
        waiting, done = iter(objects), 0

        async def worker() -> None:
            nonlocal done
            for document in waiting:
                await self.client.post(path, document)
                done += 1
                if done % 100 == 0:
                    progress(done)

        await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
        return done

    async def create_steadily(self, objects: Iterable[bytes], rate: float, progress: Callable[[int], None]) -> None:
        """Create pods at an even pace, whether or not those before are done. Raises ApiError."""
        start = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for number, document in enumerate(objects):
                await asyncio.sleep(start + number / rate - asyncio.get_running_loop().time())
                group.create_task(self.client.post(PODS, document))
                if number % 100 == 0:
                    progress(number)

    async def collect_garbage(self) -> None:
        """The API server's: what those before have left is not paid for by those who come."""
        await self.client.request("GET", "/debug/pprof/heap", query={"gc": 1})

    async def clear(self, progress: Callable[[int], None]) -> None:
        """Delete all pods, and wait until they are gone."""
        async with asyncio.timeout(600):
            while left := await self._left():
                progress(left)
                await self.client.request("DELETE", PODS, body=b'{"gracePeriodSeconds": 0}', seconds=120.0)

    async def _left(self) -> int:
        found = await self.client.get(PODS, _List, limit=1)
        return len(found.items) + found.metadata.remaining_item_count


@contextlib.asynccontextmanager
async def an_arena(
    folder: Path, *api_server_flags: str, api_server_environment: Mapping[str, str] | None = None
) -> AsyncIterator[Arena]:
    """A control plane without nodes."""
    flags = [*audit_flags(folder), "--delete-collection-workers=8", *api_server_flags]
    with ControlPlane(folder, api_server_flags=flags, api_server_environment=api_server_environment) as plane:
        client = await connect(str(plane.kubeconfig), settings=RequestSettings(connections=64))
        try:
            yield Arena(plane, client, Journal(folder / "journal.log"), folder)
        finally:
            await client.close()
