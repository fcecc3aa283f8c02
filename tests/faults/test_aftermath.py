"""What the fault tests rely on: each thing that must not be left behind is found when it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from tests.builders import a_pod as built
from tests.builders import decoded
from tests.faults import aftermath
from tests.faults.aftermath import Expected
from tests.faults.stage import KINDS, PER_NODE, a_node

NODES = [decoded(a_node("amd64-0", "amd64"), Node), decoded(a_node("arm64-0", "arm64"), Node)]
NO_ROOM = "0/2 nodes are available: 2 Insufficient cpu."


def a_pod(name: str = "web", *, on: str = "", kind: str = "web", why: str = "", cpu: str = "100m") -> Pod:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
    status = {"conditions": [condition]} if why else {}
    return built(name, on=on, requests={"cpu": cpu}, labels={"app": kind}, status=status)


def a_stage(*bound: str, in_doubt: Sequence[str] = (), events: Sequence[tuple[str, str]] = ()) -> Any:
    listed = [aftermath.Event(note=note, regarding=aftermath.Regarding(pod)) for pod, note in events]

    async def get(*_: object, **__: object) -> object:
        return aftermath.EventList(listed)

    return SimpleNamespace(bound=lambda: list(bound), in_doubt=lambda: set(in_doubt), client=SimpleNamespace(get=get))


@pytest.mark.parametrize(
    ("bound", "pod", "told"),
    [
        (["default/web", "default/web"], a_pod(on="amd64-0"), "bound more than once"),
        (["default/web"], a_pod(why=NO_ROOM), "bound, and on no node"),
        ([], a_pod(on="amd64-0"), "on a node, and never bound"),
    ],
)
def test_bindings_that_are_not_one_for_each_pod_on_a_node(bound: list[str], pod: Pod, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        aftermath.each_is_bound_once(a_stage(*bound), [pod], Expected())


def test_one_binding_for_each_pod_on_a_node_is_right_and_so_is_one_in_doubt() -> None:
    pods = [a_pod(on="amd64-0"), a_pod("doubtful", on="amd64-0"), a_pod("waits", why=NO_ROOM)]
    aftermath.each_is_bound_once(a_stage("default/web", in_doubt=["default/doubtful"]), pods, Expected())


def test_a_pod_on_a_node_that_cannot_run_it() -> None:
    aftermath.each_is_where_it_can_be([a_pod(kind="legacy", on="amd64-0")], NODES, Expected())
    with pytest.raises(AssertionError, match="default/web is on arm64-0, which cannot run it"):
        aftermath.each_is_where_it_can_be([a_pod(kind="legacy", on="arm64-0")], NODES, Expected())


def test_a_pod_on_a_node_that_is_told_that_it_waits() -> None:
    with pytest.raises(AssertionError, match="default/web is on amd64-0, and is told that it waits"):
        aftermath.each_is_where_it_can_be([a_pod(on="amd64-0", why=NO_ROOM)], NODES, Expected())


def test_a_node_with_one_pod_too_many() -> None:
    pods = [a_pod(f"web-{number}", on="amd64-0") for number in range(PER_NODE)]
    aftermath.each_is_where_it_can_be(pods, NODES, Expected())
    with pytest.raises(AssertionError, match=r"more millicores are taken than there are: .*5100"):
        aftermath.each_is_where_it_can_be([*pods, a_pod(on="amd64-0")], NODES, Expected())


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (a_pod(why=NO_ROOM), "there is room on .*amd64-0.*arm64-0"),
        (a_pod(why="0/2 nodes are available: 2 node(s) had untolerated taint"), "waits, and is told"),
        (a_pod(kind="ledger", why=NO_ROOM), "can run nowhere, and is told"),
        (a_pod(kind="web", why=KINDS["ghost"].waits_for), "waits, and is told"),
    ],
)
def test_a_pod_that_waits_for_something_that_is_not_so(pod: Pod, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        aftermath.each_that_waits_has_to([pod], NODES, Expected())


def test_pods_that_wait_for_what_is_so() -> None:
    full = [a_pod("big", on=node.name, cpu="5") for node in NODES]
    waiting = [a_pod(why=NO_ROOM), *(a_pod(kind, kind=kind, why=KINDS[kind].waits_for) for kind in ("ledger", "ghost"))]
    aftermath.each_that_waits_has_to([*full, *waiting], NODES, Expected())


RIGHT = ("web", "Successfully assigned default/web to amd64-0")


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([("web", "Successfully assigned default/web to arm64-0")], "events of what did not happen"),
        ([RIGHT, RIGHT], "events of what did not happen, or twice"),
        ([RIGHT, ("other", "Successfully assigned default/other to amd64-0")], "events of what did not happen"),
        ([], "1 bindings were never told of"),
    ],
)
async def test_events_that_do_not_tell_what_happened(
    events: list[tuple[str, str]], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "WAIT_SECONDS", 0.0)
    pods = [a_pod(on="amd64-0"), a_pod("waits", why=NO_ROOM)]
    await aftermath.events_are_true(a_stage(events=[RIGHT]), pods, Expected(all_told=True))
    with pytest.raises(AssertionError, match=told):
        await aftermath.events_are_true(a_stage(events=events), pods, Expected(all_told=True))


def test_a_fault_of_its_own_in_the_log(tmp_path: Path) -> None:
    scheduler: Any = SimpleNamespace(log=tmp_path / "log")
    scheduler.log.write_text("2026-01-01T00:00:00Z [warning  ] attempt failed\n")
    aftermath.no_fault_of_its_own(scheduler)
    scheduler.log.write_text("2026-01-01T00:00:00Z [error    ] decision failed\n")
    with pytest.raises(AssertionError, match="decision failed"):
        aftermath.no_fault_of_its_own(scheduler)
