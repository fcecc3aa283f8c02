"""What each change of a node or pod does to the cache, to the queue, and to the pods that wait."""

from __future__ import annotations

import pytest

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.images.content import ContentKind, ImageContent
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.loops.clock import WakeUp
from scheduler.loops.watching import EventSink, NodeWatch, PodWatch, node_changes
from scheduler.queue.backoff import Backoff
from scheduler.queue.events import EventKind, always
from scheduler.queue.queued_pod import Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics
from tests.builders import a_node, a_pod

OURS = "multiarch-scheduler"
HINTS = {
    "Fit": {EventKind.NODE_ADD: always, EventKind.ASSIGNED_POD_DELETE: always},
    "Spread": {EventKind.NODE_DELETE: always, EventKind.ASSIGNED_POD_ADD: always, EventKind.ASSIGNED_POD_LABEL: always},
}


class World:
    """The handlers with real state behind them; ``asked`` are the pods whose images were asked for."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.queue = SchedulingQueue(HINTS, Backoff(), image_plugin="ImagePlatform")
        self.asked: list[str] = []
        metrics, work = Metrics(), WakeUp()
        events = EventSink(self.queue, work, metrics)
        self.nodes = NodeWatch(self.cache, events)
        self.pods = PodWatch(
            {OURS}, self.cache, self.queue, events, work, lambda pod: self.asked.append(pod.metadata.name), metrics
        )

    def stage(self, name: str) -> Stage | None:
        queued = self.queue.get(f"uid-{name}")
        return queued.stage if queued else None

    def park(self, pod: Pod, plugin: str = "Fit") -> None:
        """Lets the pod have been found unschedulable, for lack of room by default."""
        self.pods.added(pod)
        self.queue.images_known(pod.metadata.uid, answers(pod), 0)
        self.queue.pop(0)
        self.queue.park(pod.metadata.uid, {plugin}, 0)
        assert self.stage(pod.metadata.name) is Stage.UNSCHEDULABLE


@pytest.fixture
def world() -> World:
    return World()


def ours(name: str, on: str = "", **spec: object) -> Pod:
    return a_pod(name, on=on, requests={"cpu": "1"}, spec={"schedulerName": OURS, **spec})


def answers(pod: Pod) -> tuple[ResolvedImage, ...]:
    return tuple(
        ResolvedImage(image, ImageContent("sha256:" + "0" * 64, ContentKind.INDEX)) for image in pod_images(pod)
    )


def assume(world: World, pod: Pod, node: str) -> None:
    world.cache.assume(make_pod_info(pod, answers(pod), world.cache.classes), node)


def test_a_pending_pod_of_ours_is_queued_and_its_images_are_asked_for_once(world: World) -> None:
    world.pods.added(ours("a"))
    world.pods.modified(ours("a"))
    assert world.stage("a") is Stage.AWAITING_IMAGES
    assert world.asked == ["a"]


def test_a_pending_pod_of_another_scheduler_is_none_of_our_business(world: World) -> None:
    world.pods.added(a_pod("theirs"))
    assert len(world.queue) == 0


def test_a_pod_of_another_scheduler_counts_on_its_node(world: World) -> None:
    world.pods.added(a_pod("theirs", on="node"))
    assert len(world.cache) == 1


def test_a_pod_bound_by_somebody_else_leaves_the_queue(world: World) -> None:
    world.pods.added(ours("a"))
    world.pods.modified(ours("a", on="node"))
    assert world.stage("a") is None
    assert world.cache.node_of("uid-a") == "node"


def test_a_pod_that_is_being_deleted_is_not_scheduled(world: World) -> None:
    world.pods.added(ours("a"))
    deleted = ours("a")
    deleted.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    world.pods.modified(deleted)
    assert len(world.queue) == 0


def test_news_from_before_our_binding_does_not_queue_the_pod_again(world: World) -> None:
    pod = ours("a")
    assume(world, pod, "node")
    world.pods.modified(pod)
    assert len(world.queue) == 0
    world.pods.modified(ours("a", on="node"))
    assert not world.cache.is_assumed("uid-a")


def test_a_pod_that_is_nominated_while_it_is_bound_counts_once(world: World) -> None:
    world.nodes.added(a_node("node", cpu="1"))
    world.pods.added(ours("a"))
    world.queue.images_known("uid-a", answers(ours("a")), 0)
    world.queue.pop(0)
    assume(world, ours("a"), "node")
    nominated = a_pod("a", spec={"schedulerName": OURS}, status={"nominatedNodeName": "node"})
    world.pods.modified(nominated)
    assert len(world.cache.nominations) == 0
    queued = world.queue.get("uid-a")
    assert queued is not None
    assert queued.pod is nominated


def test_a_nomination_that_ends_helps_only_those_who_had_to_respect_it(world: World) -> None:
    nominated = a_pod("a", spec={"schedulerName": OURS, "priority": 5}, status={"nominatedNodeName": "node"})
    world.pods.added(nominated)
    for name, priority in (("high", 10), ("low", 1)):
        world.park(ours(name, priority=priority))
    world.pods.modified(a_pod("a", spec={"schedulerName": OURS, "priority": 5}))
    assert (world.stage("high"), world.stage("low")) == (Stage.UNSCHEDULABLE, Stage.ACTIVE)


@pytest.mark.parametrize("gone", [True, False])
def test_an_assumed_pod_that_goes_helps_those_who_wait_for_room(world: World, gone: bool) -> None:
    world.nodes.added(a_node("node", cpu="1"))
    assume(world, ours("a"), "node")
    world.park(ours("b"))
    if gone:
        world.pods.deleted(ours("a"))
    else:
        going = ours("a")
        going.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
        world.pods.modified(going)
    assert not world.cache.is_assumed("uid-a")
    assert world.stage("b") is Stage.ACTIVE


def test_an_assumed_pod_that_is_deleted_gives_its_room_back(world: World) -> None:
    pod = ours("a")
    assume(world, pod, "node")
    world.pods.deleted(pod)
    assert len(world.cache) == 0


@pytest.mark.parametrize("kind", ["pending", "bound", "assumed"])
def test_a_pod_that_is_missing_from_a_fresh_list_is_gone(world: World, kind: str) -> None:
    pod = ours("a", on="node" if kind == "bound" else "")
    if kind == "assumed":
        assume(world, pod, "node")
    else:
        world.pods.added(pod)
    world.pods.replaced([ours("b")])
    assert [queued.pod.metadata.name for queued in world.queue] == ["b"]
    assert len(world.cache) == 0


def test_a_deleted_pod_wakes_those_that_wait_for_room(world: World) -> None:
    world.pods.added(a_pod("big", on="node"))
    world.park(ours("waits"))
    world.pods.deleted(a_pod("big", on="node"))
    assert world.stage("waits") in (Stage.ACTIVE, Stage.BACKOFF)


def test_a_new_node_wakes_those_that_wait_for_room(world: World) -> None:
    world.park(ours("waits"))
    world.nodes.added(a_node("new"))
    assert world.stage("waits") in (Stage.ACTIVE, Stage.BACKOFF)


def test_a_node_that_is_gone_wakes_those_that_wait_for_an_even_spread(world: World) -> None:
    world.nodes.added(a_node("old"))
    world.park(ours("waits"), "Spread")
    world.nodes.deleted(a_node("never-there"))
    assert world.stage("waits") is Stage.UNSCHEDULABLE
    world.nodes.deleted(a_node("old"))
    assert world.stage("waits") in (Stage.ACTIVE, Stage.BACKOFF)


def test_a_placed_pod_wakes_those_that_wait_for_company_when_it_comes_or_is_relabelled(world: World) -> None:
    world.park(ours("waits"), "Spread")
    world.pods.added(a_pod("new", on="node"))
    assert world.stage("waits") in (Stage.ACTIVE, Stage.BACKOFF)
    world.park(ours("next"), "Spread")
    world.pods.modified(a_pod("new", on="node"))
    assert world.stage("next") is Stage.UNSCHEDULABLE
    world.pods.modified(a_pod("new", on="node", labels={"app": "web"}))
    assert world.stage("next") in (Stage.ACTIVE, Stage.BACKOFF)


def test_a_node_that_is_missing_from_a_fresh_list_is_gone(world: World) -> None:
    world.nodes.replaced([a_node("a"), a_node("b")])
    world.nodes.replaced([a_node("b")])
    assert [world.cache.nodes.row_of(name) is None for name in ("a", "b")] == [True, False]


def test_a_node_with_a_quantity_that_is_none_costs_that_node_only(world: World) -> None:
    world.nodes.replaced([a_node("bad", cpu="lots"), a_node("good")])
    assert world.cache.nodes.row_of("good") is not None
    assert world.cache.nodes.row_of("bad") is None


@pytest.mark.parametrize(
    ("new", "kinds"),
    [
        (a_node(), []),
        (a_node(cpu="9"), [EventKind.NODE_UPDATE_ALLOCATABLE]),
        (a_node(taints=[{"key": "k", "effect": "NoSchedule"}]), [EventKind.NODE_UPDATE_TAINT]),
        (a_node(unschedulable=True), []),
        (a_node(labels={"zone": "a"}), [EventKind.NODE_UPDATE_LABEL, EventKind.NODE_UPDATE_PLATFORM]),
        (a_node(architecture="arm64"), [EventKind.NODE_UPDATE_PLATFORM]),
        (a_node(features=["F"]), [EventKind.NODE_UPDATE_DECLARED_FEATURE]),
    ],
    ids=["nothing", "allocatable", "taint", "cordoned", "label", "platform", "declared feature"],
)
def test_an_update_of_a_node_is_told_by_what_changed(new: object, kinds: list[EventKind]) -> None:
    assert node_changes(a_node(), new) == kinds


def test_watched_pods_share_what_they_have_in_common_whether_listed_or_told(world: World) -> None:
    listed, told = ours("a", on="n"), ours("b", on="n")
    world.pods.replaced(world.pods.listed([listed], True))
    world.pods.added(told)
    held = {placed.pod.metadata.name: placed.pod for _, placed in world.cache}
    assert held["a"].spec.containers is held["b"].spec.containers


def test_a_node_that_is_not_on_the_pages_of_a_fresh_list_is_gone(world: World) -> None:
    world.nodes.replaced([a_node("a"), a_node("b"), a_node("c")])
    world.nodes.listed([a_node("a")], True)
    world.nodes.listed([a_node("d")], False)
    world.nodes.replaced([])
    assert sorted(node.name for _, node in world.cache.nodes) == ["a", "d"]


def test_an_uncordoned_node_counts_as_a_change_of_taints() -> None:
    assert node_changes(a_node(unschedulable=True), a_node()) == [EventKind.NODE_UPDATE_TAINT]
