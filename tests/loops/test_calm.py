"""Bindings under way keep other writes waiting, and say when they do so no longer."""

from __future__ import annotations

import asyncio
from typing import Any

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.loops.binding import Binding
from scheduler.loops.clock import WakeUp
from scheduler.loops.volumes import VolumeBinder
from scheduler.loops.watching import EventSink
from scheduler.queue.backoff import Backoff
from scheduler.queue.queued_pod import QueuedPod, Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics
from tests.builders import a_node, a_pod


class SlowServer:
    """Answers each binding when told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Semaphore(0)

    async def post(self, _path: str, _body: bytes) -> bytes:
        await self.go_on.acquire()
        return b"{}"


class Reporting:
    def bound(self, _pod: object, _node: str) -> None: ...


async def test_there_is_calm_while_few_bindings_are_under_way_and_no_pods_wait_for_decisions() -> None:
    server, cache, metrics, work, calm = SlowServer(), Cache(), Metrics(), WakeUp(), asyncio.Event()
    cache.add_node(a_node("node"))
    queue = SchedulingQueue({}, Backoff(), image_plugin="ImagePlatform")
    client: Any = server
    reporting: Any = Reporting()
    sink = EventSink(queue, work, metrics)
    volumes = VolumeBinder(client, cache, {})
    binding = Binding(client, cache, queue, sink, reporting, lambda _pod: None, work, metrics, 8, volumes, calm)
    assert calm.is_set()
    told = []
    for number in range(4):
        pod = a_pod(f"pod-{number}")
        info = make_pod_info(pod, (), cache.classes)
        cache.assume(info, "node")
        binding.submit(QueuedPod(pod=pod, added_at=0.0, stage=Stage.IN_FLIGHT), info, "node", 0.0)
        told.append(calm.is_set())
    assert told == [True, True, False, False]
    server.go_on.release()
    await asyncio.sleep(0.01)
    assert not calm.is_set()
    server.go_on.release()
    await asyncio.wait_for(calm.wait(), 1.0)
    binding.expect(True)
    assert not calm.is_set()
    binding.expect(False)
    assert calm.is_set()
    for _ in range(2):
        server.go_on.release()
    await binding.drain(1.0)
