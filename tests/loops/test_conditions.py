"""What pods are told reaches the API server in the end, and never after they were bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from scheduler.kube.requests import ApiClient
from scheduler.loops import conditions
from scheduler.loops.conditions import Conditions
from scheduler.telemetry.metrics import Metrics
from tests.builders import a_pod
from tests.kube.recorder import until
from tests.kube.scripted_server import ScriptedServer, ok, refused, silent

REASON = "Unschedulable"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def patch(name: str) -> str:
    return f"PATCH /api/v1/namespaces/default/pods/{name}/status"


def messages(server: ScriptedServer, name: str) -> list[str]:
    return [request.json["status"]["conditions"][0]["message"] for request in server.requests(patch(name))]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def written(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Conditions]:
    monkeypatch.setattr(conditions, "FIRST_DELAY", 0.1)
    client = ApiClient(server.url)
    loop = Conditions(client, Metrics())
    task = asyncio.create_task(loop.run())
    yield loop
    task.cancel()
    await asyncio.wait([task])
    await client.close()
    assert task.cancelled(), task.exception()


async def test_a_condition_that_is_refused_for_a_while_is_written_once_that_is_over(
    server: ScriptedServer, written: Conditions
) -> None:
    server.script(patch("a"), *[refused(503)] * 9, ok({}))
    server.script(patch("b"), ok({}))
    written.put(a_pod("a"), REASON, "no room", None)
    written.put(a_pod("b"), REASON, "no room", None)
    await until(lambda: not written.unfinished)
    assert messages(server, "a") == ["no room"] * 10
    assert messages(server, "b") == ["no room"]


async def test_one_that_is_refused_for_good_is_given_up(server: ScriptedServer, written: Conditions) -> None:
    server.script(patch("a"), refused(403))
    server.script(patch("b"), ok({}))
    for name in "ab":
        written.put(a_pod(name), REASON, "no room", None)
    await until(lambda: not written.unfinished)
    assert len(server.requests(patch("a"))) == len(server.requests(patch("b"))) == 1


async def test_only_the_newest_is_written(server: ScriptedServer, written: Conditions) -> None:
    server.script(patch("a"), *[refused(503)] * 4, ok({}))
    written.put(a_pod("a"), REASON, "first", None)
    await until(lambda: server.requests(patch("a")))
    for message in ("second", "third"):
        written.put(a_pod("a"), REASON, message, None)
    await until(lambda: not written.unfinished)
    assert messages(server, "a") == ["first"] * 4 + ["third"]


@pytest.mark.parametrize("answers", [[silent], [refused(503)] * 4])
async def test_nothing_is_written_any_more_of_a_pod_that_has_a_node(
    server: ScriptedServer, written: Conditions, answers: list[Any]
) -> None:
    server.script(patch("a"), *answers)
    server.script(patch("b"), ok({}))
    written.put(a_pod("a"), REASON, "no room", None)
    await until(lambda: len(server.requests(patch("a"))) == len(answers))
    written.withdraw("uid-a")
    written.put(a_pod("b"), REASON, "no room", None)
    await until(lambda: not written.unfinished)
    assert len(server.requests(patch("a"))) == len(answers)
