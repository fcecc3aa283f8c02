"""Each way through the queue, on a clock that the test moves."""

from __future__ import annotations

import math

import pytest

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Container, Pod, PodSpec, SchedulingGate, Toleration
from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.queue.backoff import Backoff
from scheduler.queue.events import ClusterEvent, EventKind, QueueingHints, always
from scheduler.queue.queued_pod import Stage
from scheduler.queue.scheduling_queue import SchedulingQueue

HINTS: dict[str, QueueingHints] = {
    "Fit": {EventKind.NODE_ADD: always, EventKind.ASSIGNED_POD_DELETE: lambda pod, event: event.old is not None},
    "Taints": {EventKind.TARGET_POD_TOLERATION: always},
    "Affinity": {EventKind.TARGET_POD_LABEL: always},
    "ImagePlatform": {EventKind.NODE_UPDATE_PLATFORM: always},
}


@pytest.fixture
def queue() -> SchedulingQueue:
    return SchedulingQueue(HINTS, Backoff(), image_plugin="ImagePlatform")


def a_pod(name: str, *, image: str = "app:1", priority: int = 0, gates: int = 0, tolerations: int = 0) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}"),
        spec=PodSpec(
            priority=priority,
            containers=[Container(name="main", image=image)],
            scheduling_gates=[SchedulingGate(name=f"gate-{number}") for number in range(gates)],
            tolerations=[Toleration(key=f"key-{number}") for number in range(tolerations)],
        ),
    )


def resolved(pod: Pod, message: str = "answer") -> tuple[ResolvedImage, ...]:
    answer = ImageFailure(cause=FailureCause.INVALID_REFERENCE, message=message)
    return tuple(ResolvedImage(image, answer) for image in pod_images(pod))


def make_active(queue: SchedulingQueue, pod: Pod, now: float = 0) -> None:
    queue.update(pod, now)
    assert queue.images_known(pod.metadata.uid, resolved(pod), now)


def pop_name(queue: SchedulingQueue, now: float) -> str | None:
    queued = queue.pop(now)
    return queued.pod.metadata.name if queued else None


def stage(queue: SchedulingQueue, name: str) -> Stage | None:
    queued = queue.get(f"uid-{name}")
    return queued.stage if queued else None


def test_a_new_pod_waits_for_its_images_before_it_can_be_popped(queue: SchedulingQueue) -> None:
    pod = a_pod("a")
    assert queue.update(pod, 0) is True
    assert queue.pop(0) is None
    queue.images_known("uid-a", resolved(pod), 1)
    assert pop_name(queue, 1) == "a"


def test_the_images_of_a_pod_are_owed_once(queue: SchedulingQueue) -> None:
    assert queue.update(a_pod("a"), 0) is True
    assert queue.update(a_pod("a"), 0) is False


def test_a_gated_pod_owes_its_images_when_its_last_gate_goes(queue: SchedulingQueue) -> None:
    assert queue.update(a_pod("a", gates=2), 0) is False
    assert queue.update(a_pod("a", gates=1), 0) is False
    assert stage(queue, "a") is Stage.GATED
    assert queue.update(a_pod("a"), 0) is True


def test_higher_priority_goes_first_then_longer_waiting(queue: SchedulingQueue) -> None:
    for now, (name, priority) in enumerate([("early", 0), ("late", 0), ("high", 5), ("low", -5)]):
        make_active(queue, a_pod(name, priority=priority), now)
    assert [pop_name(queue, 9) for _ in range(5)] == ["high", "early", "late", "low", None]


def test_an_answer_about_images_that_the_pod_no_longer_has_is_ignored(queue: SchedulingQueue) -> None:
    old = a_pod("a", image="app:1")
    queue.update(old, 0)
    assert queue.update(a_pod("a", image="app:2"), 0) is True
    assert queue.images_known("uid-a", resolved(old), 0) is False
    assert stage(queue, "a") is Stage.AWAITING_IMAGES


def test_an_unknown_image_is_asked_for_again_when_its_time_has_come(queue: SchedulingQueue) -> None:
    queue.update(a_pod("a"), 0)
    queue.images_unknown("uid-a", 30, now=0)
    assert queue.next_wake() == 30
    assert queue.wake(29.9) == []
    assert [pod.metadata.name for pod in queue.wake(30)] == ["a"]
    assert queue.next_wake() == math.inf


def test_a_parked_pod_is_woken_only_by_an_event_that_its_plugins_find_helpful(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.park("uid-a", {"Fit"}, 0)
    assert queue.on_event(ClusterEvent(EventKind.NODE_UPDATE_TAINT), 5) == 0
    assert queue.on_event(ClusterEvent(EventKind.ASSIGNED_POD_DELETE, old=None), 5) == 0
    assert queue.on_event(ClusterEvent(EventKind.ASSIGNED_POD_DELETE, old=a_pod("gone")), 5) == 1
    assert stage(queue, "a") is Stage.ACTIVE


def test_what_is_known_of_the_images_is_asked_where_their_plugin_would_wake_the_pod() -> None:
    asked: list[tuple[ResolvedImage, ...]] = []

    def hint(_pod: Pod, images: tuple[ResolvedImage, ...], event: ClusterEvent) -> bool:
        asked.append(images)
        return event.new is not None

    queue = SchedulingQueue(HINTS, Backoff(), "ImagePlatform", hint)
    pod = a_pod("a")
    make_active(queue, pod)
    queue.pop(0)
    queue.park("uid-a", {"ImagePlatform"}, 0)
    assert queue.on_event(ClusterEvent(EventKind.NODE_UPDATE_PLATFORM), 5) == 0
    assert queue.on_event(ClusterEvent(EventKind.NODE_UPDATE_PLATFORM, new=pod), 5) == 1
    assert asked == [resolved(pod)] * 2


def test_what_helps_up_to_a_priority_leaves_the_pods_above_it_alone(queue: SchedulingQueue) -> None:
    for name, priority in (("high", 10), ("equal", 5), ("low", 1)):
        make_active(queue, a_pod(name, priority=priority))
        queue.pop(0)
        queue.park(f"uid-{name}", {"Fit"}, 0)
    gone = ClusterEvent(EventKind.ASSIGNED_POD_DELETE, old=a_pod("gone", priority=5))
    assert queue.on_event(gone, 5, up_to=5) == 2
    assert stage(queue, "high") is Stage.UNSCHEDULABLE


def test_a_pod_woken_during_its_backoff_is_tried_early_only_when_nothing_else_is_active(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a", priority=10))
    queue.pop(0)
    queue.park("uid-a", {"Fit"}, 0)
    queue.on_event(ClusterEvent(EventKind.NODE_ADD), 0.5)
    assert stage(queue, "a") is Stage.BACKOFF
    make_active(queue, a_pod("b"), 0.5)
    assert [pop_name(queue, 0.5), pop_name(queue, 0.5)] == ["b", "a"]


def test_a_pod_that_failed_by_a_fault_waits_its_backoff_out(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.fail("uid-a", 0)
    assert queue.pop(0.9) is None
    assert queue.next_wake() == 1
    queue.wake(1)
    assert pop_name(queue, 1) == "a"


def test_the_backoff_doubles_with_each_failure_in_a_row(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a"))
    waits, now = [], 0.0
    for _ in range(5):
        assert pop_name(queue, now) == "a"
        queue.fail("uid-a", now)
        waits.append(queue.next_wake() - now)
        now = queue.next_wake()
        queue.wake(now)
    assert waits == [1, 2, 4, 8, 10]


def test_an_unschedulable_pod_is_tried_again_after_five_minutes_whatever_happened(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.park("uid-a", {"Taints"}, 0)
    assert queue.next_wake() == 300
    queue.wake(300)
    assert stage(queue, "a") is Stage.ACTIVE


def test_a_pod_kept_off_by_its_images_has_them_asked_for_every_minute(queue: SchedulingQueue) -> None:
    pod = a_pod("a")
    make_active(queue, pod)
    queue.pop(0)
    queue.park("uid-a", {"ImagePlatform"}, 0)
    for minute in (60, 120, 180, 240):
        assert queue.wake(minute) == [pod]
        assert queue.images_known("uid-a", resolved(pod), minute) is False
        assert stage(queue, "a") is Stage.UNSCHEDULABLE
    assert queue.images_known("uid-a", resolved(pod, "pushed anew"), 250) is True
    assert stage(queue, "a") is Stage.ACTIVE


def test_a_pod_kept_off_by_its_images_is_tried_after_five_minutes_though_its_registry_is_down(
    queue: SchedulingQueue,
) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.park("uid-a", {"ImagePlatform"}, 0)
    queue.wake(60)
    queue.images_unknown("uid-a", 1000, 60)
    queue.wake(300)
    assert stage(queue, "a") is Stage.ACTIVE


def test_a_toleration_added_to_the_pod_itself_wakes_it(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.park("uid-a", {"Taints"}, 0)
    queue.update(a_pod("a", tolerations=1), 20)
    assert stage(queue, "a") is Stage.ACTIVE


def test_other_labels_of_the_pod_itself_wake_it(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.park("uid-a", {"Affinity"}, 0)
    relabelled = a_pod("a")
    relabelled.metadata.labels = {"app": "web"}
    queue.update(relabelled, 20)
    assert stage(queue, "a") is Stage.ACTIVE


def test_an_image_changed_while_the_pod_was_being_tried_is_owed_afterwards(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a", image="app:1"))
    queue.pop(0)
    assert queue.update(a_pod("a", image="app:2"), 0) is False
    assert queue.park("uid-a", {"Fit"}, 0) is True
    assert stage(queue, "a") is Stage.AWAITING_IMAGES


def test_a_deleted_pod_is_forgotten_wherever_it_was(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("active"))
    make_active(queue, a_pod("parked", priority=9))
    queue.pop(0)
    queue.park("uid-parked", {"Fit"}, 0)
    queue.delete("uid-parked")
    queue.delete("uid-active")
    queue.delete("uid-never-seen")
    assert queue.on_event(ClusterEvent(EventKind.NODE_ADD), 1) == 0
    assert queue.pop(400) is None
    assert len(queue) == 0


def test_a_pod_deleted_while_in_flight_cannot_come_back(queue: SchedulingQueue) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.delete("uid-a")
    assert queue.park("uid-a", {"Fit"}, 1) is False
    assert queue.fail("uid-a", 1) is False
    assert len(queue) == 0


@pytest.mark.parametrize(
    ("happens", "retry", "expected"),
    [(False, False, Stage.UNSCHEDULABLE), (True, False, Stage.ACTIVE), (False, True, Stage.ACTIVE)],
)
def test_a_pod_that_room_is_made_for_is_held_until_that_is_over(
    queue: SchedulingQueue, happens: bool, retry: bool, expected: Stage
) -> None:
    make_active(queue, a_pod("a"))
    queue.pop(0)
    queue.hold("uid-a")
    queue.park("uid-a", {"Fit"}, 0)
    if happens:
        assert queue.on_event(ClusterEvent(EventKind.NODE_ADD), 100) == 1
    assert stage(queue, "a") is Stage.UNSCHEDULABLE
    queue.release("uid-a", 100, retry=retry)
    assert stage(queue, "a") is expected
    queue.on_event(ClusterEvent(EventKind.NODE_ADD), 100)
    assert stage(queue, "a") is Stage.ACTIVE


def test_holding_a_pod_that_is_gone_holds_nothing(queue: SchedulingQueue) -> None:
    queue.hold("uid-a")
    queue.release("uid-a", 0, retry=True)
    assert len(queue) == 0
