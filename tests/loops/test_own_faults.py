"""A fault of our own while a pod is being bound or its images are asked for costs that attempt, never the pod."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.config.images import ImageSettings
from scheduler.images.content import ContentKind, ImageContent
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.loops.binding import Binding
from scheduler.loops.clock import WakeUp, now
from scheduler.loops.resolving import Resolving
from scheduler.loops.volumes import VolumeBinder
from scheduler.loops.watching import EventSink, NamespaceWatch
from scheduler.queue.backoff import Backoff
from scheduler.queue.queued_pod import Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics
from tests.builders import a_node, a_pod


class Told:
    """Stands for everything that users are told."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.something = asyncio.Event()

    def faulted(self, _pod: Pod, message: str) -> None:
        self.messages.append(message)

    def waits_for_image(self, _pod: Pod, _image: object, failure: Any, _delay: float) -> None:
        self.messages.append(failure.message)
        self.something.set()

    def bound(self, _pod: Pod, _node: str) -> None: ...


class Broken:
    """A client, or a resolver, with a fault in it."""

    def __getattr__(self, name: str) -> Any:
        if name == "known":
            return lambda _image: None
        raise RuntimeError("a fault of ours")


@pytest.fixture
def queue() -> SchedulingQueue:
    return SchedulingQueue({}, Backoff(), image_plugin="ImagePlatform")


async def test_a_pod_whose_binding_met_a_fault_gives_its_room_back_and_is_tried_again(queue: SchedulingQueue) -> None:
    cache, told, metrics, work = Cache(), Told(), Metrics(), WakeUp()
    cache.add_node(a_node("node"))
    pod = a_pod("a")
    images = tuple(ResolvedImage(image, ImageContent("sha256:1", ContentKind.INDEX)) for image in pod_images(pod))
    queue.update(pod, 0)
    queue.images_known("uid-a", images, 0)
    queued = queue.pop(0)
    assert queued is not None
    info = make_pod_info(pod, images, cache.classes)
    cache.assume(info, "node")
    broken: Any = Broken()
    listener: Any = told
    sink = EventSink(queue, work, metrics)
    volumes = VolumeBinder(broken, cache, {})
    binding = Binding(
        broken, cache, queue, sink, listener, lambda _pod: None, work, metrics, 1, volumes, asyncio.Event()
    )
    binding.submit(queued, info, "node", 0.0)
    await binding.room()
    assert told.messages == ['running Bind plugin "DefaultBinder": RuntimeError: a fault of ours']
    assert len(cache) == 0
    assert queued.stage is Stage.BACKOFF


async def test_a_pod_whose_images_met_a_fault_is_asked_for_again(queue: SchedulingQueue) -> None:
    told, cache = Told(), Cache()
    pod = a_pod("a")
    assert queue.update(pod, now())
    broken: Any = Broken()
    listener: Any = told
    resolving = Resolving(
        ImageSettings(),
        broken,
        None,
        NamespaceWatch(),
        cache.nodes.images,
        queue,
        WakeUp(),
        listener,
        Metrics(),
    )
    resolving.request(pod)
    await asyncio.wait_for(told.something.wait(), 5)
    assert told.messages == ["asking failed: RuntimeError: a fault of ours"]
    assert queue.next_wake() < float("inf")
