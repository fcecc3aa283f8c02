"""What must hold when a fault is over, whatever it was. Every fault test ends here.

Each pod is bound exactly once, by the API server's own record, to a node that can run it and has room, or it is pending
and has been told something that is true. No event tells of a binding that is not there. The scheduler's memory equals a
second one that is filled from fresh lists, its gauges say what the API server says, and nothing in its log is a fault
of its own. What is true of a pod is worked out here anew, from manifests and plain sums.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.quantity import milli_value
from scheduler.kube.errors import ApiError
from scheduler.loops.reporting import SCHEDULER_ERROR
from scheduler.sandbox.demo import NodeList, PodList, waiting_because
from scheduler.sandbox.process import SchedulerProcess
from tests.faults.stage import EVENTS, KINDS, NODES, PODS, FaultStage
from tests.scenarios.election import says

WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Expected:
    """How this test's end may differ from that of others.

    ``told``: by kind of pod, what the pending ones may be told besides what their kind says. ``gone``: nodes that
    were deleted, where pods may sit that were bound there before or at that moment. ``deleted``: ``namespace/name`` of
    pods that were deleted, bound or not. ``all_told``: no event may be missing, because no process was killed and no
    event refused.
    """

    told: dict[str, str] = field(default_factory=dict)
    gone: Collection[str] = ()
    deleted: Collection[str] = ()
    all_told: bool = False


class Regarding(msgspec.Struct):
    name: str = ""


class Event(msgspec.Struct):
    reason: str = ""
    note: str = ""
    regarding: Regarding = msgspec.field(default_factory=Regarding)


class EventList(msgspec.Struct):
    items: list[Event]


async def must_hold(
    stage: FaultStage, scheduler: SchedulerProcess, names: Iterable[str], expected: Expected | None = None
) -> list[Pod]:
    """Waits until every pod is settled, then checks it all; returns the pods. ``names``: of every pod there must be."""
    expected = expected or Expected()
    await says(scheduler, "ready")
    pods = await settled(stage, set(names), scheduler)
    nodes = (await stage.client.get(NODES, NodeList)).items
    each_is_bound_once(stage, pods, expected)
    each_is_where_it_can_be(pods, nodes, expected)
    each_that_waits_has_to(pods, nodes, expected)
    await events_are_true(stage, pods, expected)
    await memory_equals_the_api_server(scheduler)
    await gauges_are_true(scheduler, pods, nodes)
    no_fault_of_its_own(scheduler)
    return pods


async def settled(stage: FaultStage, names: set[str], scheduler: SchedulerProcess) -> list[Pod]:
    """The pods, once they are these, each has a node or was told why not, and nothing has changed for a while."""
    deadline = time.monotonic() + WAIT_SECONDS
    before: dict[str, str] = {}
    while True:
        scheduler.check()
        try:
            pods = (await stage.client.get(PODS, PodList)).items
        except ApiError:
            pods = []
        states = {pod.metadata.name: pod.spec.node_name or _lasting_reason(pod) for pod in pods}
        if states.keys() == names and all(states.values()) and states == before:
            return pods
        before = states
        if time.monotonic() > deadline:
            missing, untold = names - states.keys(), [name for name, state in states.items() if not state]
            raise AssertionError(
                f"not settled within {WAIT_SECONDS:g} s: {len(missing)} pods are not there, {len(untold)} have neither"
                f" node nor reason, such as {sorted(missing)[:3]} and {sorted(untold)[:3]}\n{scheduler.last_lines(40)}"
            )
        await asyncio.sleep(0.5)


def _lasting_reason(pod: Pod) -> str:
    """Why it waits; empty if it waits for nothing but the next attempt, after a fault."""
    faulted = any(condition.reason == SCHEDULER_ERROR for condition in pod.status.conditions)
    return "" if faulted else waiting_because(pod)


def each_is_bound_once(stage: FaultStage, pods: Iterable[Pod], expected: Expected) -> None:
    accepted = Counter(stage.bound())
    assert max(accepted.values(), default=1) == 1, f"bound more than once: {accepted.most_common(5)}"
    on_nodes = {pod.key for pod in pods if pod.spec.node_name}
    lost = accepted.keys() - on_nodes - set(expected.deleted)
    assert not lost, f"bound, and on no node: {sorted(lost)[:5]}"
    unexplained = on_nodes - accepted.keys() - stage.in_doubt()
    assert not unexplained, f"on a node, and never bound: {sorted(unexplained)[:5]}"


def each_is_where_it_can_be(pods: Iterable[Pod], nodes: Iterable[Node], expected: Expected) -> None:
    by_name = {node.name: node for node in nodes}
    used: Counter[str] = Counter()
    for pod in pods:
        name = pod.spec.node_name
        if not name or name in expected.gone:
            continue
        assert not waiting_because(pod), f"{pod.key} is on {name}, and is told that it waits: {waiting_because(pod)}"
        node = by_name[name]
        assert node.status.node_info.architecture in KINDS[pod.metadata.labels["app"]].architectures, (
            f"{pod.key} is on {name}, which cannot run it"
        )
        used[name] += cpu_of(pod)
    overfull = {name: cpu for name, cpu in used.items() if cpu > capacity_of(by_name[name])}
    assert not overfull, f"more millicores are taken than there are: {overfull}"


def each_that_waits_has_to(pods: list[Pod], nodes: Iterable[Node], expected: Expected) -> None:
    """A pod that is told of too little room must really find none, and any other one what its kind is told."""
    free = {node.name: capacity_of(node) for node in nodes}
    architecture = {node.name: node.status.node_info.architecture for node in nodes}
    for pod in pods:
        if pod.spec.node_name in free:
            free[pod.spec.node_name] -= cpu_of(pod)
    for pod in (pod for pod in pods if not pod.spec.node_name):
        why, kind = waiting_because(pod), KINDS[pod.metadata.labels["app"]]
        if any(phrase and phrase in why for phrase in (kind.waits_for, expected.told.get(kind.name))):
            continue
        assert "Insufficient cpu" in why, f"{pod.key} waits, and is told: {why}"
        assert kind.architectures, f"{pod.key} can run nowhere, and is told: {why}"
        roomy = [name for name, cpu in free.items() if cpu >= cpu_of(pod) and architecture[name] in kind.architectures]
        assert not roomy, f"{pod.key} is told {why!r}, but there is room on {roomy}"


async def events_are_true(stage: FaultStage, pods: Iterable[Pod], expected: Expected) -> None:
    """At most one Scheduled per pod, of the node where it is; exactly one, if ``all_told``."""
    bound = {pod.metadata.name: pod.spec.node_name for pod in pods if pod.spec.node_name}
    deleted = {key.partition("/")[2] for key in expected.deleted}
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        listed = await stage.client.get(EVENTS, EventList, fieldSelector="reason=Scheduled")
        notes = ((event.regarding.name, event.note) for event in listed.items)
        told = Counter((name, note) for name, note in notes if name not in deleted)
        if not expected.all_told or len(told) >= len(bound) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.3)
    true = {(name, f"Successfully assigned default/{name} to {node}"): 1 for name, node in bound.items()}
    assert not told - Counter(true), f"events of what did not happen, or twice: {list(told - Counter(true))[:5]}"
    assert not expected.all_told or told == true, f"{len(true) - len(told)} bindings were never told of"


async def memory_equals_the_api_server(scheduler: SchedulerProcess) -> None:
    """Asks it to compare, counters and queue included."""
    answers = re.compile(r"(equals|differs from|not compared with) the API server")
    before = len(answers.findall(scheduler.log.read_text()))
    scheduler.compare()
    deadline = time.monotonic() + 2 * WAIT_SECONDS  # it waits for watches that are paused, and for its lists
    while len(answers.findall(scheduler.log.read_text())) == before:
        scheduler.check()
        assert time.monotonic() < deadline, "it was asked to compare its memory, and said nothing"
        await asyncio.sleep(0.1)
    last = next(line for line in reversed(scheduler.log.read_text().splitlines()) if answers.search(line))
    assert "equals the API server" in last, last


async def gauges_are_true(scheduler: SchedulerProcess, pods: list[Pod], nodes: list[Node]) -> None:
    gauges = await gauges_of(scheduler)
    bound = sum(bool(pod.spec.node_name) for pod in pods)
    size = {kind: gauges["scheduler_cache_size", kind] for kind in ("nodes", "pods", "assumed_pods")}
    assert size == {"nodes": len(nodes), "pods": bound, "assumed_pods": 0}
    pending = {stage: count for (name, stage), count in gauges.items() if name == "scheduler_pending_pods"}
    assert sum(pending.values()) == len(pods) - bound, pending
    assert not pending["in_flight"], pending


async def gauges_of(scheduler: SchedulerProcess) -> dict[tuple[str, str], float]:
    """By name and the value of the first label."""
    port = re.findall(r"health_port=(\d+)", scheduler.log.read_text())[-1]
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        families = text_string_to_metric_families(await response.text())
        return {
            (sample.name, next(iter(sample.labels.values()), "")): sample.value
            for family in families
            for sample in family.samples
        }


def no_fault_of_its_own(scheduler: SchedulerProcess) -> None:
    faults = [line for line in scheduler.log.read_text().splitlines() if re.search(r"\[error|never retrieved", line)]
    assert not faults, faults[:5]


def cpu_of(pod: Pod) -> int:
    return sum(milli_value(container.resources.requests["cpu"]) for container in pod.spec.containers)


def capacity_of(node: Node) -> int:
    return milli_value(node.status.allocatable["cpu"])
