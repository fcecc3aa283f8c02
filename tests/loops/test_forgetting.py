"""Workloads come and go for as long as a cluster lives. What is remembered of those that are gone is bounded.

Objects in circles are left to the interpreter's search for them, which a scheduler makes seldom (``loops.garbage``):
those that had lived for long would be found after days. So whatever goes has to go by itself.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections import deque
from collections.abc import Iterator

import pytest

from scheduler.api.pod import Pod
from scheduler.cluster import resources
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.config.tracing import TracingSettings
from scheduler.framework import cycle
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.images.content import ContentKind, ImageContent
from scheduler.images.platform import Platform
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.kube.event_series import EventKey, EventSeries
from scheduler.loops import alike
from scheduler.loops.clock import WakeUp
from scheduler.loops.decisions import Decision, Decisions
from scheduler.loops.watching import EventSink, NodeWatch, PodWatch
from scheduler.oci.cache import ImageCache
from scheduler.oci.settings import RegistrySettings
from scheduler.plugins.catalogue import default_profile
from scheduler.queue.backoff import Backoff
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics
from scheduler.telemetry.traces import Traces
from tests.builders import a_node, a_pod

OURS = "multiarch-scheduler"
BOUND = 40
ALIVE = 20
FULL = 200
"""Workloads after which every bound is reached: the last one is that of images, of 400 bytes or more each."""
MORE = 400
BYTES = 64
"""Of growth for each of them: less than the smallest thing that could be kept, an entry in a set."""


class World:
    """All that remembers something of a pod, of its class, or of its image, with bounds that are soon reached."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.queue = SchedulingQueue({}, Backoff(), image_plugin="ImagePlatform")
        metrics, work = Metrics(), WakeUp()
        events = EventSink(self.queue, work, metrics)
        self.nodes = NodeWatch(self.cache, events)
        self.pods = PodWatch({OURS}, self.cache, self.queue, events, work, lambda pod: None, metrics)
        self.cycle = SchedulingCycle(self.cache, default_profile(OURS))
        self.decisions = Decisions(Traces(TracingSettings()), remembered=BOUND)
        self.series = EventSeries(limit=BOUND)
        self.images = ImageCache(RegistrySettings(cache_size=1000 * BOUND))
        for number in range(4):
            self.nodes.added(a_node(f"node-{number}", labels={"kubernetes.io/hostname": f"node-{number}"}))

    def live(self, number: int) -> Pod:
        """A pod of a workload of its own is seen, decided, bound and seen again."""
        pod = workload(number)
        self.pods.added(pod)
        content = ImageContent(f"sha256:{number:064x}", ContentKind.IMAGE, platform=Platform("linux", "amd64"))
        name = ("", pod.spec.containers[0].image)
        self.images.keep("registry.example", content)
        answer = self.images.learnt(name, "registry.example", content, number)
        resolved = tuple(ResolvedImage(image, answer) for image in pod_images(pod))
        self.queue.images_known(pod.metadata.uid, resolved, number)
        node = self.decide(make_pod_info(pod, resolved, self.cache.classes), number)
        self.queue.done(pod.metadata.uid)
        bound = workload(number, node)
        self.pods.modified(bound)
        return bound

    def decide(self, info: PodInfo, number: int) -> str:
        assert self.queue.pop(number) is not None
        decided = self.cycle.decide(info)
        assert isinstance(decided, Placed)
        self.cache.assume(info, decided.node)
        self.decisions.note(info.key, Decision(number, info.uid, OURS, 1, 0.001, node=decided.node))
        self.decisions.bound(info.key)
        key = EventKey("default", info.pod.metadata.name, info.uid, str(number), "Normal", "Scheduled", "Binding")
        self.series.observe(key, f"Successfully assigned {info.key} to {decided.node}", number)
        return decided.node

    def sizes(self) -> dict[str, int]:
        return {
            "placed": len(self.cache),
            "queued": len(self.queue),
            "decisions": len(self.decisions),
            "series": len(self.series),
            "classes": len(self.cache.classes),
        }


def workload(number: int, on: str = "") -> Pod:
    """With an image, labels, selectors, a port and a start of its own."""
    selector = {"matchLabels": {"app": f"app-{number}"}}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}
    spread = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", **term}
    return a_pod(
        f"pod-{number}",
        on=on,
        image=f"registry.example/app:{number}",
        labels={"app": f"app-{number}"},
        requests={"cpu": "10m"},
        ports=[{"containerPort": 80, "hostPort": 1024 + number}],
        status={"startTime": f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"} if on else {},
        spec={
            "schedulerName": OURS,
            "topologySpreadConstraints": [spread],
            "affinity": {
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [term],
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": term}],
                }
            },
        },
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(alike, "_MOST", BOUND)
    monkeypatch.setattr(cycle, "MOST_REMEMBERED", BOUND)
    monkeypatch.setattr(resources, "MAX_REMEMBERED", BOUND)
    made = World()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield made
    tracemalloc.stop()
    gc.enable()


def test_workloads_that_are_gone_leave_no_memory_behind(world: World) -> None:
    alive: deque[Pod] = deque()

    def go_through(numbers: range) -> tuple[int, int]:
        """How many objects were left in circles, and the bytes in use without them."""
        for number in numbers:
            alive.append(world.live(number))
            if len(alive) > ALIVE:
                world.pods.deleted(alive.popleft())
        return gc.collect(), tracemalloc.get_traced_memory()[0]

    _, full = go_through(range(FULL))
    sizes = world.sizes()
    in_circles, then = go_through(range(FULL, FULL + MORE))
    assert sizes == world.sizes()
    assert (then - full) / MORE < BYTES, f"{(then - full) / MORE:.0f} bytes a workload"
    assert in_circles / MORE < 1, f"{in_circles / MORE:.1f} objects a workload"
