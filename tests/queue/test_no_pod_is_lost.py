"""Whatever happens in whatever order: no pod is lost, none is in two places, and none starves."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Container, Pod, PodSpec, SchedulingGate
from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.queue.backoff import Backoff
from scheduler.queue.events import ClusterEvent, EventKind, always
from scheduler.queue.queued_pod import Stage
from scheduler.queue.scheduling_queue import SchedulingQueue

PLUGINS = ("Fit", "Taints", "ImagePlatform")
KINDS = (EventKind.NODE_ADD, EventKind.NODE_UPDATE_TAINT, EventKind.NODE_UPDATE_PLATFORM)


def a_pod(uid: str, image: str, *, gated: bool, priority: int) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=uid, namespace="default", uid=uid),
        spec=PodSpec(
            containers=[Container(name="main", image=image)],
            priority=priority,
            scheduling_gates=[SchedulingGate(name="gate")] if gated else [],
        ),
    )


class Queue(RuleBasedStateMachine):
    """Keeps its own list of the pods that exist, and of those that somebody owes an answer."""

    pods = Bundle("pods")

    def __init__(self) -> None:
        super().__init__()
        hints = {plugin: {kind: always} for plugin, kind in zip(PLUGINS, KINDS, strict=True)}
        self.queue = SchedulingQueue(hints, Backoff(), image_plugin="ImagePlatform")
        self.now = 0.0
        self.created = 0
        self.exist: dict[str, Pod] = {}
        self.owed: set[str] = set()
        self.in_flight: set[str] = set()

    @rule(target=pods, gated=st.booleans(), priority=st.integers(-1, 1))
    def create(self, gated: bool, priority: int) -> str:
        self.created += 1
        uid = f"pod-{self.created}"
        self._update(a_pod(uid, "app:1", gated=gated, priority=priority))
        return uid

    @rule(uid=pods, image=st.sampled_from(["app:1", "app:2"]))
    def change(self, uid: str, image: str) -> None:
        if uid in self.exist:
            self._update(a_pod(uid, image, gated=False, priority=0))

    @rule(uid=consumes(pods))
    def delete(self, uid: str) -> None:
        self.exist.pop(uid, None)
        self.owed.discard(uid)
        self.in_flight.discard(uid)
        self.queue.delete(uid)

    @rule(known=st.booleans(), version=st.sampled_from(["one", "two"]))
    def answer(self, known: bool, version: str) -> None:
        for uid in sorted(self.owed):
            if known:
                self._answer(uid, version)
            else:
                self.queue.images_unknown(uid, 15, self.now)
        self.owed.clear()

    @rule(uid=pods)
    def hold(self, uid: str) -> None:
        self.queue.hold(uid)

    @rule(uid=pods, retry=st.booleans())
    def release(self, uid: str, retry: bool) -> None:
        self.queue.release(uid, self.now, retry=retry)

    @rule()
    def pop(self) -> None:
        queued = self.queue.pop(self.now)
        if queued is not None:
            assert queued.uid not in self.in_flight
            assert queued.images is not None
            self.in_flight.add(queued.uid)

    @rule(plugins=st.sets(st.sampled_from(PLUGINS)))
    def park(self, plugins: set[str]) -> None:
        for uid in sorted(self.in_flight):
            if self.queue.park(uid, plugins, self.now):
                self.owed.add(uid)
        self.in_flight.clear()

    @rule()
    def fail(self) -> None:
        for uid in sorted(self.in_flight):
            if self.queue.fail(uid, self.now):
                self.owed.add(uid)
        self.in_flight.clear()

    @rule()
    def bind(self) -> None:
        for uid in self.in_flight:
            self.queue.done(uid)
            self.exist.pop(uid)
            self.owed.discard(uid)
        self.in_flight.clear()

    @rule(kind=st.sampled_from(KINDS))
    def event(self, kind: EventKind) -> None:
        self.queue.on_event(ClusterEvent(kind), self.now)

    @rule(seconds=st.sampled_from([0.5, 1.0, 10.0, 70.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.owed |= {pod.metadata.uid for pod in self.queue.wake(self.now)}

    @invariant()
    def every_pod_is_there_once(self) -> None:
        assert sorted(queued.uid for queued in self.queue) == sorted(self.exist)
        assert sum(self.queue.counts().values()) == len(self.exist)

    @invariant()
    def every_pod_has_a_way_on(self) -> None:
        for queued in self.queue:
            match queued.stage:
                case Stage.AWAITING_IMAGES:
                    assert queued.uid in self.owed or queued.wake_at < math.inf
                case Stage.BACKOFF:
                    assert queued.uid in self.owed or queued.wake_at < math.inf
                case Stage.UNSCHEDULABLE:
                    released_later = queued.held and queued.missed
                    assert queued.uid in self.owed or queued.wake_at < math.inf or released_later
                case Stage.IN_FLIGHT:
                    assert queued.uid in self.in_flight
                case Stage.GATED:
                    assert queued.pod.spec.scheduling_gates

    def teardown(self) -> None:
        """Once everything is answered, nobody is held any more and time passes, every ungated pod gets its turn."""
        self.park({"Fit"})
        for uid in self.exist:
            self.queue.release(uid, self.now, retry=False)
        self.answer(known=True, version="one")
        self.now += 1000
        self.owed |= {pod.metadata.uid for pod in self.queue.wake(self.now)}
        self.answer(known=True, version="one")
        ungated = {uid for uid, pod in self.exist.items() if not pod.spec.scheduling_gates}
        popped = set()
        while (queued := self.queue.pop(self.now)) is not None:
            popped.add(queued.uid)
        assert popped == ungated

    def _update(self, pod: Pod) -> None:
        self.exist[pod.metadata.uid] = pod
        if self.queue.update(pod, self.now):
            self.owed.add(pod.metadata.uid)

    def _answer(self, uid: str, version: str) -> None:
        answer = ImageFailure(cause=FailureCause.INVALID_REFERENCE, message=version)
        images = tuple(ResolvedImage(image, answer) for image in pod_images(self.exist[uid]))
        self.queue.images_known(uid, images, self.now)


TestNoPodIsLost = Queue.TestCase
TestNoPodIsLost.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
