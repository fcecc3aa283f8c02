"""The scheduler finds by itself where its memory and the API server have parted, and does not take news for faults."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.requests import pod_requests
from scheduler.kube.connection import connect
from scheduler.loops import comparing
from scheduler.loops.comparing import Comparing
from scheduler.queue.backoff import Backoff
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.sandbox.api_server import SandboxApiServer
from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.nodes import ARM64_LINUX, node


def a_pod(name: str, *, on: str = "") -> Document:
    spec = {
        "schedulerName": "ours",
        "containers": [{"name": "main", "image": "app"}],
        **({"nodeName": on} if on else {}),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@dataclass
class PausedWatch:
    """What is asked of a reflector."""

    paused: bool = False


class Memory:
    """A cache and a queue that have followed ``server``, as far as ``follow`` was called."""

    def __init__(self, server: SandboxApiServer) -> None:
        self.server = server
        self.watch = PausedWatch()
        self.cache = Cache()
        self.queue = SchedulingQueue({}, Backoff(), image_plugin="")

    def follow(self, document: Document) -> None:
        encoded = msgspec.json.encode(self.server.create(document))
        if document["kind"] == "Node":
            self.cache.add_node(msgspec.json.decode(encoded, type=Node))
            return
        pod = msgspec.json.decode(encoded, type=Pod)
        if pod.spec.node_name:
            self.cache.add_pod(pod)
        else:
            self.queue.update(pod, 0.0)


@pytest.fixture
async def memory() -> AsyncIterator[Memory]:
    async with SandboxApiServer(anonymous=True) as server:
        memory = Memory(server)
        for document in (node("a", ARM64_LINUX), a_pod("placed", on="a"), a_pod("waits")):
            memory.follow(document)
        yield memory


@pytest.fixture
async def compare(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Comparing]:
    monkeypatch.setattr(comparing, "SETTLE_SECONDS", 0.3)
    memory.server.write_kubeconfig(tmp_path / "kubeconfig")
    client = await connect(str(tmp_path / "kubeconfig"))
    yield Comparing(client, ["ours"], memory.cache, memory.queue, [memory.watch])
    await client.close()


async def test_a_memory_that_missed_nothing_is_equal(compare: Comparing) -> None:
    assert await compare.lasting_differences() == []


async def test_the_memory_to_compare_with_is_gone_afterwards(
    compare: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[Cache]] = []

    def a_cache() -> Cache:
        cache = Cache()
        made.append(weakref.ref(cache))
        return cache

    monkeypatch.setattr(comparing, "Cache", a_cache)
    gc.disable()  # it is as large as the whole cluster, and searches for circles are seldom (``loops.garbage``)
    try:
        await compare.lasting_differences()
        await asyncio.sleep(0.1)
        assert [cache() for cache in made] == [None]
    finally:
        gc.enable()


async def test_a_wrong_counter_and_a_lost_pod_are_told(memory: Memory, compare: Comparing) -> None:
    placed = next(placed.pod for _, placed in memory.cache)
    memory.cache.nodes.resources.add(0, pod_requests(placed))
    (waits,) = memory.queue
    memory.queue.delete(waits.uid)
    found = await compare.lasting_differences()
    assert f"pod default/waits ({waits.uid}) is pending and not queued" in found
    assert "node a and 0 others: pods requested: 2 instead of 1" in found


async def test_a_pod_that_is_queued_and_gone_is_told(memory: Memory, compare: Comparing) -> None:
    (waits,) = memory.queue
    gone = msgspec.structs.replace(waits.pod, metadata=msgspec.structs.replace(waits.pod.metadata, uid="old"))
    memory.queue.update(gone, 0.0)
    assert await compare.lasting_differences() == ["pod default/waits (old) is queued and is not pending"]


async def test_news_under_way_is_no_difference(memory: Memory, compare: Comparing) -> None:
    news = memory.server.create(a_pod("news", on="a"))
    found = asyncio.create_task(compare.lasting_differences())
    await asyncio.sleep(0.2)
    assert not found.done(), "it does differ at first"
    memory.cache.add_pod(msgspec.json.decode(msgspec.json.encode(news), type=Pod))
    assert await found == []


async def test_news_that_a_paused_watch_will_bring_is_no_difference(memory: Memory, compare: Comparing) -> None:
    document = node("b", ARM64_LINUX)
    created = msgspec.json.encode(memory.server.create(document))
    memory.watch.paused = True

    async def resume() -> None:
        await asyncio.sleep(1.0)
        memory.watch.paused = False
        memory.cache.add_node(msgspec.json.decode(created, type=Node))

    resuming = asyncio.create_task(resume())
    assert await compare.lasting_differences() == []
    await resuming


async def test_a_watch_that_stays_paused_does_not_hide_a_difference(
    memory: Memory, compare: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "LIST_SECONDS", 1.0)
    memory.server.create(node("b", ARM64_LINUX))
    memory.watch.paused = True
    assert await compare.lasting_differences() == ["node b is missing"]
