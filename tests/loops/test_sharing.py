"""What the resolver learns is written through at a decent pace, and nothing waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from scheduler.config.images import SharingSettings
from scheduler.images.content import ContentKind, ImageContent
from scheduler.images.media_types import OCI_INDEX
from scheduler.kube.image_platforms import PATH, object_name
from scheduler.kube.requests import ApiClient
from scheduler.loops.sharing import Sharing
from scheduler.oci.resolver import Learnt, Resolver
from scheduler.oci.settings import RegistrySettings
from tests.kube.scripted_server import ScriptedServer, ok, refused

EMPTY = {"metadata": {"resourceVersion": "1"}, "items": []}
OLD = {
    "metadata": {"name": "old", "resourceVersion": "7"},
    "spec": {
        "source": "Read",
        "registry": "ghcr.io",
        "lastSeen": "2001-01-01T00:00:00Z",
        "content": {"digest": "sha256:" + "0" * 64, "kind": "index"},
    },
}


def learnt(number: int) -> Learnt:
    return Learnt("ghcr.io", ImageContent(f"sha256:{number:064x}", ContentKind.INDEX, OCI_INDEX), "")


class Shared:
    """A sharing loop at work; ``learn`` is what the resolver does."""

    def __init__(
        self, server: ScriptedServer, client: ApiClient, resolver: Resolver, settings: SharingSettings
    ) -> None:
        self.server = server
        self.problems: list[str] = []
        self.loop = Sharing(
            settings, client, resolver, on_declared=lambda _images: None, on_problem=self.problems.append
        )
        (self.learn,) = resolver.on_learnt

    def posted(self) -> list[str]:
        return [request.json["metadata"]["name"] for request in self.server.requests(f"POST {PATH}")]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.01)


Start = Callable[..., Awaitable[Shared]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with contextlib.AsyncExitStack() as stack:

        async def started(listed: object = EMPTY, **settings: int) -> Shared:
            server = await stack.enter_async_context(ScriptedServer())
            server.always(f"GET {PATH}", ok(listed))
            client, resolver = ApiClient(server.url), Resolver(RegistrySettings(use_proxies=False))
            stack.push_async_callback(client.close)
            stack.push_async_callback(resolver.close)
            shared = Shared(server, client, resolver, SharingSettings(enabled=True, **settings))
            task = asyncio.create_task(shared.loop.run())
            stack.callback(task.cancel)
            return shared

        yield started


async def test_each_finding_is_written_once(start: Start) -> None:
    shared = await start()
    shared.server.always(f"POST {PATH}", ok(status=201))
    for number in (1, 2, 1, 1):
        shared.learn(learnt(number))
    await shared.until(lambda: len(shared.posted()) == 2)
    await asyncio.sleep(0.05)
    assert shared.posted() == [object_name("ghcr.io", learnt(number).content.digest) for number in (1, 2)]


async def test_writes_keep_to_their_pace_after_a_burst(start: Start) -> None:
    shared = await start(writes_per_second=20)
    shared.server.always(f"POST {PATH}", ok(status=201))
    began = asyncio.get_running_loop().time()
    for number in range(20):
        shared.learn(learnt(number))
    await shared.until(lambda: len(shared.posted()) == 20)
    assert asyncio.get_running_loop().time() - began >= 10 / 20 * 0.9  # ten at once, ten at 20 a second


async def test_a_finding_that_the_server_could_not_take_is_written_later(start: Start) -> None:
    shared = await start()
    shared.server.script(f"POST {PATH}", refused(503), ok(status=201))
    shared.learn(learnt(1))
    await shared.until(lambda: len(shared.posted()) == 2)
    assert len(set(shared.posted())) == 1
    assert "what is known of images cannot be shared" in shared.problems[0]


async def test_what_another_replica_wrote_first_is_let_go(start: Start) -> None:
    shared = await start()
    shared.server.script(f"POST {PATH}", refused(409, "AlreadyExists"), ok(status=201))
    shared.learn(learnt(1))
    shared.learn(learnt(2))
    await shared.until(lambda: len(shared.posted()) == 2)
    await asyncio.sleep(0.05)
    assert len(set(shared.posted())) == 2
    assert not shared.problems


async def test_a_missing_permission_is_told_and_the_finding_dropped(start: Start) -> None:
    shared = await start()
    shared.server.script(f"POST {PATH}", refused(403), ok(status=201))
    shared.learn(learnt(1))
    await shared.until(lambda: shared.problems)
    shared.learn(learnt(2))
    await shared.until(lambda: len(shared.posted()) == 2)
    assert len(set(shared.posted())) == 2


async def test_what_is_old_is_dropped_at_the_start(start: Start) -> None:
    shared = await start({"metadata": {"resourceVersion": "1"}, "items": [OLD]})
    route = f"DELETE {PATH}/old"
    shared.server.script(route, ok())
    await shared.until(lambda: shared.server.requests(route))
    (sent,) = shared.server.requests(route)
    assert sent.json == {"preconditions": {"resourceVersion": "7"}}
    assert len(shared.loop) == 1
