"""Victims go in an order that spares the last one when another could not be evicted; meanwhile the pod is held."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from scheduler.api.policy import PodDisruptionBudget
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import SchedulingCycle, Unschedulable
from scheduler.images.content import ContentKind, ImageContent
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.kube.errors import Forbidden, NotFound
from scheduler.loops.clock import WakeUp
from scheduler.loops.preempting import Preempting, Verdict
from scheduler.loops.watching import EventSink, PodWatch
from scheduler.loops.watching_budgets import BudgetWatch
from scheduler.plugins.catalogue import upstream_profile
from scheduler.queue.backoff import Backoff
from scheduler.queue.queued_pod import Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics
from tests.builders import a_node, a_pod, decoded


class Recording:
    """Stands for the API server: notes writes, and refuses to delete some pods."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.bodies: list[Any] = []
        self.refusals: dict[str, Exception] = {}
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def patch(self, path: str, body: bytes) -> bytes:
        self._note("PATCH", path.removesuffix("/status"), body)
        return b""

    async def delete(self, path: str, body: bytes | None = None) -> bytes:
        await self.go_on.wait()
        name = self._note("DELETE", path, body or b"{}")
        if name in self.refusals:
            raise self.refusals[name]
        return b""

    def _note(self, verb: str, path: str, body: bytes) -> str:
        name = path.rpartition("/")[2]
        self.writes.append(f"{verb} {name}")
        self.bodies.append(msgspec.json.decode(body))
        return name


class Told:
    def __init__(self) -> None:
        self.preempted_pods: list[tuple[str, str, bool]] = []

    def preempted(self, victim: Any, pod: Any, node: str, *, deleted: bool) -> None:
        self.preempted_pods.append((victim.metadata.name, pod.metadata.name, deleted))


class World:
    """One node that is full of pods of low priority, and a pod that wants all of it."""

    def __init__(self, *victims: str) -> None:
        self.cache = Cache()
        self.cache.add_node(a_node("node", cpu="3"))
        profile = upstream_profile("default-scheduler")
        self.queue = SchedulingQueue(profile.hints, Backoff(), image_plugin="ImagePlatform")
        self.client, self.told, self.metrics, work = Recording(), Told(), Metrics(), WakeUp()
        events = EventSink(self.queue, work, self.metrics)
        client: Any = self.client
        told: Any = self.told
        self.binding_volumes: set[str] = set()
        volumes: Any = self
        self.preempting = Preempting(client, self.cache, self.queue, events, told, work, self.metrics, volumes)
        self.pods = PodWatch(
            {"default-scheduler"}, self.cache, self.queue, events, work, lambda _pod: None, self.metrics
        )
        self.cycle = SchedulingCycle(self.cache, profile)
        self.victims = [a_pod(name, on="node", requests={"cpu": "1"}) for name in victims]
        for victim in self.victims:
            self.pods.added(victim)
        self.pod = a_pod("high", requests={"cpu": "3"}, spec={"priority": 10})

    def attempt(self) -> Verdict:
        """As the scheduling loop makes it."""
        if self.queue.get("uid-high") is None:
            self.pods.added(self.pod)
            answer = ImageContent("sha256:1", ContentKind.INDEX)
            images = tuple(ResolvedImage(image, answer) for image in pod_images(self.pod))
            self.queue.images_known("uid-high", images, 0)
        queued = self.queue.pop(0)
        assert queued is not None
        info = make_pod_info(queued.pod, None, self.cache.classes)
        decision = self.cycle.decide(info)
        assert isinstance(decision, Unschedulable)
        verdict = self.preempting.consider(self.cycle, info, decision.fit_error)
        self.queue.park(queued.uid, decision.fit_error.rejecting_plugins, 0)
        return verdict

    def cancel(self, uid: str, why: str) -> bool:
        """Stands for the binding of volumes, of the pods in ``binding_volumes``."""
        if uid not in self.binding_volumes:
            return False
        assert why == "preempted by DefaultPreemption"
        self.pods.deleted(next(victim for victim in self.victims if victim.metadata.uid == uid))
        return True

    @property
    def stage(self) -> Stage:
        queued = self.queue.get("uid-high")
        assert queued is not None
        return queued.stage


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_last_victim_goes_after_the_others() -> None:
    world = World("a", "b", "c")
    verdict = world.attempt()
    assert verdict.nominated == "node"
    assert verdict.message.endswith(
        " preemption: found a potential placement for pod on node node, preempting 3 victims"
    )
    assert world.cache.nominated_node(world.pod) == "node"
    await settled()
    assert sorted(world.client.writes[:4]) == ["DELETE a", "DELETE b", "PATCH a", "PATCH b"]
    assert world.client.writes[4:] == ["PATCH c", "DELETE c"]
    assert [name for name, *_ in world.told.preempted_pods] == ["a", "b", "c"]
    assert world.client.bodies[-1] == {"preconditions": {"uid": "uid-c"}}
    (condition,) = world.client.bodies[-2]["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("DisruptionTarget", "PreemptionByScheduler")


async def test_a_victim_that_is_gone_or_going_is_as_good_as_evicted() -> None:
    world = World("a", "b", "c")
    world.client.refusals["a"] = NotFound("gone")
    world.victims[1].metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    world.attempt()
    await settled()
    assert world.client.writes == ["PATCH a", "DELETE a", "PATCH c", "DELETE c"]
    assert [name for name, *_ in world.told.preempted_pods] == ["c"]


async def test_a_victim_whose_volumes_are_being_bound_is_not_deleted_and_the_pod_tries_again() -> None:
    world = World("a")
    world.binding_volumes = {"uid-a"}
    world.attempt()
    await settled()
    assert world.client.writes == []
    assert world.told.preempted_pods == [("a", "high", False)]
    assert world.stage is Stage.ACTIVE


async def test_the_last_victim_is_spared_if_another_could_not_be_evicted_and_the_pod_tries_again() -> None:
    world = World("a", "b", "c")
    world.client.refusals["a"] = Forbidden("no")
    world.attempt()
    await settled()
    assert "DELETE b" in world.client.writes
    assert "PATCH c" not in world.client.writes
    assert world.stage is Stage.ACTIVE


async def test_the_pod_is_held_until_the_last_victim_is_on_its_way() -> None:
    world = World("a", "b", "c")
    world.client.go_on.clear()
    world.attempt()
    await settled()
    world.pods.deleted(world.victims[0])
    assert world.stage is Stage.UNSCHEDULABLE
    world.client.go_on.set()
    await settled()
    assert world.stage is Stage.ACTIVE, "what happened meanwhile is not lost"


async def test_a_pod_waits_for_its_victims_without_choosing_others() -> None:
    world = World("a", "b", "c")
    world.attempt()
    await settled()
    assert world.stage is Stage.UNSCHEDULABLE
    for victim in world.victims:
        victim.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
        victim.status.conditions = decoded(
            {
                "metadata": {"name": "x"},
                "status": {
                    "conditions": [
                        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"},
                    ]
                },
            },
            type(victim),
        ).status.conditions
        world.pods.modified(victim)
    world.queue.release("uid-high", 0, retry=True)
    verdict = world.attempt()
    assert verdict.message.endswith("not eligible due to a terminating pod on the nominated node.")
    assert verdict.nominated is None
    assert world.cache.nominated_node(world.pod) == "node"


async def test_pods_below_it_lose_their_nomination_to_the_node() -> None:
    world = World("a", "b", "c")
    nominated = {"nominatedNodeName": "node"}
    for name, priority in (("below", 5), ("beside", 10)):
        world.pods.added(a_pod(name, spec={"priority": priority}, status=nominated))
    world.attempt()
    await settled()
    assert world.client.writes[0] == "PATCH below"
    assert world.client.bodies[0]["status"] == {"nominatedNodeName": None}
    world.pods.modified(a_pod("below", spec={"priority": 5}))
    assert [placed.pod.metadata.name for placed in world.cache.nominations.on("node")] == ["beside", "high"]


async def test_a_pod_that_cannot_be_helped_loses_its_nomination() -> None:
    world = World("a", "b", "c")
    world.pod = a_pod("high", requests={"cpu": "3"})
    world.cache.nominate(world.pod, "node")
    verdict = world.attempt()
    assert verdict.nominated == ""
    assert world.cache.nominated_node(world.pod) == ""
    await settled()
    assert world.client.writes == []


async def test_what_is_under_way_ends_when_the_scheduler_stops() -> None:
    world = World("a", "b", "c")
    world.client.go_on.clear()
    world.attempt()
    await settled()
    await asyncio.wait_for(world.preempting.stop(), 1)
    assert not any(write.startswith("DELETE") for write in world.client.writes)


# News about nominations


def a_nominated(node: str) -> Any:
    return a_pod("high", status={"nominatedNodeName": node} if node else {})


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ([a_nominated("node")], "node"),
        ([a_nominated("node"), a_nominated("other")], "other"),
        ([a_nominated("node"), a_nominated("")], ""),
    ],
)
async def test_nominations_are_read_from_the_status(news: list[Any], expected: str) -> None:
    world = World()
    for pod in news:
        world.pods.modified(pod)
    assert (world.cache.nominations.node_of("uid-high") or "") == expected


async def test_a_nomination_that_is_not_written_yet_outlives_older_news() -> None:
    world = World("a", "b", "c")
    world.attempt()
    world.pods.modified(world.pod)
    assert world.cache.nominations.node_of("uid-high") == "node"
    world.pods.deleted(world.pod)
    assert world.cache.nominations.node_of("uid-high") is None


async def test_budgets_that_are_gone_from_a_list_are_forgotten() -> None:
    cache = Cache()
    watch = BudgetWatch(cache)
    budgets = [decoded({"metadata": {"name": name, "namespace": "default"}}, PodDisruptionBudget) for name in "ab"]
    watch.added(budgets[0])
    watch.replaced(budgets[1:])
    assert cache.budgets
    watch.deleted(budgets[1])
    assert not cache.budgets


async def test_where_all_victims_are_going_already_nobody_loses_a_nomination_and_the_pod_is_not_held() -> None:
    world = World("a", "b", "c")
    world.cache.nominate(a_pod("middle", requests={"cpu": "1"}), "node")
    for victim in world.victims:
        victim.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    assert world.attempt().nominated == "node"
    await settled()
    assert world.client.writes == []
    assert len(world.cache.nominations) == 2
    world.pods.deleted(world.victims[0])
    assert world.stage is Stage.ACTIVE
