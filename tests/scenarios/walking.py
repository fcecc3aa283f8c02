"""The product's promises, as scenarios that are played on the embedded stage and on the real one alike.

``WalkingScenarios`` is inherited by the test classes of both; each brings its own fixture ``stage``: the scenario's
nodes and images, no pods, and a scheduler at work. That both pass is what shows the embedded stage to be faithful.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec

from scheduler.api.pod import Pod
from scheduler.images.unknown_policy import ANNOTATION
from scheduler.kube.requests import MERGE_PATCH
from scheduler.sandbox.demo import SCHEDULER_NAME, PodList, create, waiting_because
from scheduler.sandbox.nodes import AMD64_LINUX, node
from scheduler.sandbox.scenario import (
    ARM64,
    ARM_NODES,
    LINUX_NODES,
    MAINFRAME,
    WINDOWS_2022_NODES,
    WORKLOADS,
    ScenarioImage,
    Workload,
)
from scheduler.sandbox.stage import Stage

ROOM = 500
"""Pods per node: no order of decisions can then fill the nodes that a later pod needs."""
PODS = "/api/v1/namespaces/default/pods"
WAIT_SECONDS = 45.0
RUNNABLE = tuple(workload for workload in WORKLOADS if workload.runs_on)
WEB = Workload("web", ("shop/web:1.4",), 1, frozenset(LINUX_NODES))

T = TypeVar("T")


class Event(msgspec.Struct):
    reason: str = ""
    type: str = ""
    note: str = ""


class EventList(msgspec.Struct):
    items: list[Event]


class WalkingScenarios:
    """What a user may rely on. ``pods`` is how many the crowded scenario creates, ``scheduler`` whom pods name.

    ``after_reasons`` is what the scheduler adds to the reasons why a pod waits.
    """

    pods = 60
    scheduler = SCHEDULER_NAME
    after_reasons = " preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling."

    async def test_many_pods_land_only_where_they_can_run(self, stage: Stage) -> None:
        counts = dict.fromkeys(RUNNABLE, self.pods // len(RUNNABLE))
        counts[RUNNABLE[0]] += self.pods - sum(counts.values())
        manifests = [
            manifest
            for workload, count in counts.items()
            for manifest in small(dataclasses.replace(workload, replicas=count).pods(stage.registry, self.scheduler))
        ]
        random.Random(1).shuffle(manifests)
        await create(stage, manifests, PODS)
        for workload, count in counts.items():
            used = {pod.spec.node_name for pod in await all_bound(stage, workload.name, count)}
            assert used <= workload.runs_on, f"{workload.name} is on {used - workload.runs_on}, which cannot run it"

    async def test_a_bound_pod_is_told_so_by_an_event(self, stage: Stage) -> None:
        await create(stage, WEB.pods(stage.registry, self.scheduler), PODS)
        (pod,) = await all_bound(stage, "web", 1)
        note = f"Successfully assigned default/{pod.metadata.name} to {pod.spec.node_name}"
        event = await event_of(stage, pod.metadata.name, "Scheduled")
        assert (event.type, event.note) == ("Normal", note)

    async def test_an_impossible_image_waits_and_says_why_until_a_fitting_node_joins(self, stage: Stage) -> None:
        image = ScenarioImage("late/mainframe", "1", (MAINFRAME,))
        stage.push(image)
        workload = Workload("mainframe", (image.name,), 2, frozenset())
        await create(stage, workload.pods(stage.registry, self.scheduler), PODS)
        phrase = f"6 node(s) can't run image {stage.registry}/{image.name} (built for linux/s390x)"
        assert (await told_why(stage, "mainframe", phrase)) == f"0/6 nodes are available: {phrase}.{self.after_reasons}"
        event = await event_of(stage, "mainframe-0", "FailedScheduling")
        assert event.type == "Warning"
        assert phrase in event.note
        mainframe = node("s390x-0", dataclasses.replace(AMD64_LINUX, architecture="s390x"))
        await create(stage, [stage.as_node(mainframe)], "/api/v1/nodes")
        pods = await all_bound(stage, "mainframe", 2)
        assert {pod.spec.node_name for pod in pods} == {"s390x-0"}

    async def test_an_unparsable_image_name_is_quoted(self, stage: Stage) -> None:
        workload = Workload("typo", ("Shop//web:1",), 1, frozenset())
        await create(stage, workload.pods(stage.registry, self.scheduler), PODS)
        await told_why(stage, "typo", f'"{stage.registry}/Shop//web:1"')

    async def test_a_missing_image_is_told_and_found_once_it_is_pushed(self, stage: Stage) -> None:
        image = ScenarioImage("late/app", uuid.uuid4().hex[:8], (ARM64,))  # other scenarios may share the registry
        workload = Workload("late", (image.name,), 1, frozenset(ARM_NODES))
        await create(stage, workload.pods(stage.registry, self.scheduler), PODS)
        message = await told_why(stage, "late", f"{stage.registry}/{image.name}")
        assert "404" in message
        stage.push(image)
        (pod,) = await all_bound(stage, "late", 1)
        assert pod.spec.node_name in ARM_NODES

    async def test_a_pod_may_say_what_to_assume_of_an_image_that_cannot_be_read(self, stage: Stage) -> None:
        workload = Workload("blind", ("secret/app:1",), 1, frozenset())
        (pod,) = workload.pods(stage.registry, self.scheduler)
        pod["metadata"]["annotations"] = {ANNOTATION: "assume:windows(10.0.20348.1)/amd64"}
        await create(stage, [pod], PODS)
        (bound,) = await all_bound(stage, "blind", 1)
        assert bound.spec.node_name in WINDOWS_2022_NODES

    async def test_a_namespace_may_say_to_place_pods_whose_images_cannot_be_read(self, stage: Stage) -> None:
        await create(
            stage, Workload("open", ("secret/app:1",), 1, frozenset()).pods(stage.registry, self.scheduler), PODS
        )
        await told_why(stage, "open", "404")
        await annotate_namespace(stage, "open")
        try:
            await all_bound(stage, "open", 1)
        finally:
            await annotate_namespace(stage, None)

    async def test_a_pod_that_waits_for_room_takes_what_another_one_leaves(self, stage: Stage) -> None:
        only_there = Workload("dotnet", ("shop/dotnet:8",), 2, frozenset(WINDOWS_2022_NODES))
        first, second = sized(only_there.pods(stage.registry, self.scheduler), cpu="3")
        await create(stage, [first], PODS)
        await all_bound(stage, "dotnet", 1)
        await create(stage, [second], PODS)
        await told_why(stage, "dotnet", "Insufficient cpu")
        await stage.client.delete(f"{PODS}/dotnet-0", b'{"gracePeriodSeconds": 0}')
        (pod,) = await all_bound(stage, "dotnet", 1)
        assert pod.metadata.name == "dotnet-1"

    async def test_a_cordoned_node_gets_no_pod_before_it_is_uncordoned(self, stage: Stage) -> None:
        only_there = Workload("dotnet", ("shop/dotnet:8",), 1, frozenset(WINDOWS_2022_NODES))
        await stage.client.patch("/api/v1/nodes/win2022-0", b'{"spec": {"unschedulable": true}}', MERGE_PATCH)
        await asyncio.sleep(0.5)  # nodes and pods come by different watches, and the pod must not be seen first
        await create(stage, only_there.pods(stage.registry, self.scheduler), PODS)
        await told_why(stage, "dotnet", "1 node(s) were unschedulable")
        await stage.client.patch("/api/v1/nodes/win2022-0", b'{"spec": {"unschedulable": null}}', MERGE_PATCH)
        (pod,) = await all_bound(stage, "dotnet", 1)
        assert pod.spec.node_name == "win2022-0"


def small(manifests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """So small that any number of them fits."""
    return sized(manifests, cpu="1m", memory="1Mi")


def sized(manifests: Iterable[dict[str, Any]], **requests: str) -> list[dict[str, Any]]:
    """The pods with other requests."""
    return [
        {
            **manifest,
            "spec": {
                **manifest["spec"],
                "containers": [
                    {**container, "resources": {"requests": requests}} for container in manifest["spec"]["containers"]
                ],
            },
        }
        for manifest in manifests
    ]


async def annotate_namespace(stage: Stage, policy: str | None) -> None:
    body = msgspec.json.encode({"metadata": {"annotations": {ANNOTATION: policy}}})
    await stage.client.patch("/api/v1/namespaces/default", body, MERGE_PATCH)


async def pods_of(stage: Stage, app: str) -> list[Pod]:
    return (await stage.client.get(PODS, PodList, labelSelector=f"app={app}")).items


async def event_of(stage: Stage, pod: str, reason: str) -> Event:
    """The first event of a pod for this reason, once there is one."""
    path = "/apis/events.k8s.io/v1/namespaces/default/events"

    async def seen() -> Event | None:
        events = (await stage.client.get(path, EventList, fieldSelector=f"regarding.name={pod}")).items
        return next((event for event in events if event.reason == reason), None)

    return await eventually(f"{pod} has an event {reason}", seen)


async def all_bound(stage: Stage, app: str, count: int) -> list[Pod]:
    """The pods of ``app``, once there are so many and all are bound."""

    async def bound() -> list[Pod] | None:
        pods = await pods_of(stage, app)
        return pods if len(pods) == count and all(pod.spec.node_name for pod in pods) else None

    return await eventually(f"{count} pods of {app} bound", bound)


async def told_why(stage: Stage, app: str, phrase: str) -> str:
    """The text of PodScheduled=False of a pod of ``app``, once it holds the phrase."""

    async def told() -> str | None:
        return next((why for pod in await pods_of(stage, app) if phrase in (why := waiting_because(pod))), None)

    return await eventually(f"{app} is told {phrase!r}", told)


async def eventually(what: str, question: Callable[[], Awaitable[T | None]]) -> T:
    """The first answer that is one; AssertionError naming ``what`` when there is none in time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        answer = await question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS:g} s: {what}"
        await asyncio.sleep(0.1)
