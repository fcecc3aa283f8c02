from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Pod
from scheduler.kube.event_recorder import EventRecorder, EventSettings, cut_note
from tests.kube.recorder import until
from tests.kube.scripted_server import ok, refused, silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scheduler.kube.requests import ApiClient
    from tests.kube.scripted_server import ScriptedServer

EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
POST = f"POST {EVENTS}"
NOW = 1_790_000_000.0
NAME = f"web.{int(NOW * 1e9):x}"
PATCH = f"PATCH {EVENTS}/{NAME}"


def a_pod(name: str = "web") -> Pod:
    return Pod(metadata=ObjectMeta(name=name, namespace="default", uid="u1", resource_version="7"))


def a_recorder(
    client: ApiClient, problems: list[str] | None = None, room: asyncio.Event | None = None, **bounds: Any
) -> EventRecorder:
    heard = [] if problems is None else problems
    return EventRecorder(
        client,
        "multiarch-scheduler",
        "multiarch-scheduler-host",
        settings=EventSettings(**{"first_delay": 0.001, "longest_delay": 0.001} | bounds),
        room=room,
        on_problem=heard.append,
        clock=lambda: NOW,
    )


@asynccontextmanager
async def running(recorder: EventRecorder) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(recorder.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def failed_scheduling(recorder: EventRecorder, note: str = "no", pod: str = "web") -> None:
    recorder.record(a_pod(pod), "Warning", "FailedScheduling", "Scheduling", note)


async def test_an_event_says_who_did_what_to_which_pod(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client)
    server.always(POST, ok({}, status=201))
    async with running(recorder):
        recorder.record(a_pod(), "Normal", "Scheduled", "Binding", "Successfully assigned default/web to arm-1")
        await until(lambda: recorder.stats.written == 1)
    assert server.received[0].json == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": NAME, "namespace": "default"},
        "eventTime": "2026-09-21T14:13:20.000000Z",
        "reportingController": "multiarch-scheduler",
        "reportingInstance": "multiarch-scheduler-host",
        "action": "Binding",
        "reason": "Scheduled",
        "regarding": {
            "kind": "Pod",
            "namespace": "default",
            "name": "web",
            "uid": "u1",
            "apiVersion": "v1",
            "resourceVersion": "7",
        },
        "note": "Successfully assigned default/web to arm-1",
        "type": "Normal",
    }


async def test_a_repetition_becomes_a_series_and_further_ones_cost_nothing(
    server: ScriptedServer, client: ApiClient
) -> None:
    recorder = a_recorder(client, writers=1)
    server.always(POST, ok({}))
    server.always(PATCH, ok({}))
    for _ in range(100):
        failed_scheduling(recorder)
    async with running(recorder):
        await until(lambda: recorder.stats.written == 2)
    assert [request.method for request in server.received] == ["POST", "PATCH"]
    assert server.received[1].json == {"series": {"count": 2, "lastObservedTime": "2026-09-21T14:13:20.000000Z"}}
    assert recorder.stats.recorded == 100


async def test_a_series_whose_event_the_server_forgot_is_created_anew(
    server: ScriptedServer, client: ApiClient
) -> None:
    recorder = a_recorder(client, writers=1)
    server.script(POST, ok({}), ok({}))
    server.script(PATCH, refused(404, "NotFound"))
    for _ in range(2):
        failed_scheduling(recorder)
    async with running(recorder):
        await until(lambda: recorder.stats.written == 2)
    assert server.received[2].json["metadata"]["name"] == NAME
    assert server.received[2].json["series"]["count"] == 2


@pytest.mark.parametrize("fault", [refused(500), refused(429), refused(503)])
async def test_a_fault_that_passes_loses_nothing(server: ScriptedServer, client: ApiClient, fault: Any) -> None:
    recorder = a_recorder(client)
    server.script(POST, fault, fault, ok({}))
    failed_scheduling(recorder)
    async with running(recorder):
        await until(lambda: recorder.stats.written == 1)
    assert recorder.stats.dropped == 0


async def test_an_event_whose_answer_was_lost_is_not_written_twice(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client)
    server.script(POST, refused(504, "Timeout"), refused(409, "AlreadyExists"))
    failed_scheduling(recorder)
    async with running(recorder):
        await until(lambda: recorder.stats.written == 1)
    assert server.received[0].body == server.received[1].body


async def test_refusals_are_counted_and_reported_once(server: ScriptedServer, client: ApiClient) -> None:
    problems: list[str] = []
    recorder = a_recorder(client, problems)
    server.always(POST, refused(403, "Forbidden", "namespace is being terminated"))
    for number in range(5):
        failed_scheduling(recorder, pod=f"web-{number}")
    async with running(recorder):
        await until(lambda: recorder.stats.dropped == 5)
    assert len(server.received) == 5
    assert len(problems) == 1
    assert problems[0].startswith("an event about pod default/web-")
    assert "namespace is being terminated" in problems[0]


async def test_a_server_that_stays_away_costs_the_event_in_the_end(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client, attempts=3)
    server.always(POST, refused(503))
    failed_scheduling(recorder)
    async with running(recorder):
        await until(lambda: recorder.stats.dropped == 1)
    assert len(server.received) == 3


async def test_a_full_queue_drops_the_newest_and_never_blocks(server: ScriptedServer, client: ApiClient) -> None:
    problems: list[str] = []
    recorder = a_recorder(client, problems, queue=3)
    for number in range(10):
        failed_scheduling(recorder, pod=f"web-{number}")
    assert (recorder.stats.recorded, recorder.stats.dropped) == (10, 7)
    assert problems == ["an event about pod default/web-3 is lost: 3 others are waiting to be written"]
    server.always(POST, ok({}))
    async with running(recorder):
        await until(lambda: recorder.stats.written == 3)
    assert {request.json["regarding"]["name"] for request in server.received} == {"web-0", "web-1", "web-2"}


async def test_writing_keeps_to_its_rate_and_its_connections(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client, rate=200.0, burst=5, writers=2)
    server.always(POST, ok({}))
    for number in range(15):
        failed_scheduling(recorder, pod=f"web-{number}")
    started = asyncio.get_running_loop().time()
    async with running(recorder):
        await until(lambda: recorder.stats.written == 15)
    assert asyncio.get_running_loop().time() - started >= 10 / 200.0
    assert len({request.peer_port for request in server.received}) <= 2


async def test_events_wait_until_there_is_room_for_them(server: ScriptedServer, client: ApiClient) -> None:
    room = asyncio.Event()
    recorder = a_recorder(client, room=room, patience=60.0)
    server.always(POST, ok({}))
    for number in range(12):
        failed_scheduling(recorder, pod=f"web-{number}")
    async with running(recorder):
        await asyncio.sleep(0.05)
        assert server.received == []
        room.set()
        await until(lambda: recorder.stats.written == 12)


async def test_a_long_queue_is_written_down_to_its_bound_without_room(
    server: ScriptedServer, client: ApiClient
) -> None:
    recorder = a_recorder(client, room=asyncio.Event(), patience=60.0, backlog=4, writers=1)
    server.always(POST, ok({}))
    for number in range(12):
        failed_scheduling(recorder, pod=f"web-{number}")
    async with running(recorder):
        await until(lambda: recorder.stats.written == 8)
        await asyncio.sleep(0.05)
        assert recorder.stats.written == 8


async def test_a_scheduler_that_is_never_idle_writes_events_slowly(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client, room=asyncio.Event(), patience=0.01, writers=1)
    server.always(POST, ok({}))
    for number in range(3):
        failed_scheduling(recorder, pod=f"web-{number}")
    started = asyncio.get_running_loop().time()
    async with running(recorder):
        await until(lambda: recorder.stats.written == 3)
    assert asyncio.get_running_loop().time() - started >= 0.03


async def test_stopping_does_not_wait_for_room(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client, room=asyncio.Event(), patience=60.0, writers=1)
    server.always(POST, ok({}))
    async with running(recorder):
        for number in range(2):
            failed_scheduling(recorder, pod=f"web-{number}")
        await asyncio.sleep(0.01)
        assert server.received == []
        await asyncio.wait_for(recorder.stop(5.0), 1.0)
    assert (recorder.stats.written, recorder.stats.dropped) == (2, 0)


async def test_stopping_writes_what_is_queued_and_the_last_counts(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client, rate=1.0, burst=1, writers=1)  # stopping does not wait for the pace
    server.always(POST, ok({}))
    server.always(PATCH, ok({}))
    async with running(recorder) as task:
        await asyncio.sleep(0)
        for _ in range(7):
            failed_scheduling(recorder)
        failed_scheduling(recorder, pod="other")
        await recorder.stop(5.0)
        await asyncio.wait_for(task, 1.0)
        await recorder.stop()
    assert (recorder.stats.written, recorder.stats.dropped) == (4, 0)
    assert [request.json["series"]["count"] for request in server.requests(PATCH)] == [2, 7]
    failed_scheduling(recorder, pod="late")
    assert recorder.stats.dropped == 1


async def test_stopping_does_not_wait_for_a_server_that_is_silent(server: ScriptedServer, client: ApiClient) -> None:
    recorder = a_recorder(client, writers=2)
    server.always(POST, silent)
    for number in range(5):
        failed_scheduling(recorder, pod=f"web-{number}")
    async with running(recorder) as task:
        await until(lambda: len(server.received) == 2)
        await asyncio.wait_for(recorder.stop(0.05), 1.0)
        await asyncio.wait_for(task, 1.0)
    assert (recorder.stats.written, recorder.stats.dropped) == (0, 5)


async def test_stopping_a_recorder_that_never_ran_counts_what_is_lost(client: ApiClient) -> None:
    recorder = a_recorder(client)
    failed_scheduling(recorder)
    await asyncio.wait_for(recorder.stop(60.0), 1.0)
    assert recorder.stats.dropped == 1


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("short", "short"),
        ("x" * 1024, "x" * 1024),
        ("x" * 1025, "x" * 1020 + " ..."),
        ("ü" * 512, "ü" * 512),
        ("ü" * 513, "ü" * 510 + " ..."),
        ("x" + "ü" * 512, "x" + "ü" * 509 + " ..."),
        ("🐋" * 300, "🐋" * 255 + " ..."),
    ],
)
def test_a_note_is_cut_at_1024_bytes_and_between_characters(note: str, expected: str) -> None:
    assert cut_note(note) == expected
    assert len(cut_note(note).encode()) <= 1024
