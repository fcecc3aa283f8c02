"""A pod is woken by an annotation, on that very pod and no other of its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from extender.loops.pod_writes import PodName
from extender.loops.waking import ANNOTATION, Waking
from scheduler.kube.requests import ApiClient
from tests.kube.scripted_server import ScriptedServer

POD = PodName("shop", "web-0", "uid-1")
ROUTE = "PATCH /api/v1/namespaces/shop/pods/web-0"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as started:
        yield started


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[ApiClient]:
    made = ApiClient(server.url)
    yield made
    await made.close()


def answering(status: int) -> object:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "code": status, "message": "m", "reason": "r"}, status=status)

    return answer


async def _requests(server: ScriptedServer, count: int) -> None:
    for _ in range(300):
        if len(server.received) >= count:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{len(server.received)} requests, {count} expected")


async def test_the_annotation_names_the_pod_by_uid(server: ScriptedServer, client: ApiClient) -> None:
    server.always(ROUTE, answering(200))  # type: ignore[arg-type]
    problems: list[str] = []
    waking = Waking(client, problems.append)
    waking.wake(POD)
    await _requests(server, 1)
    metadata = server.received[0].json["metadata"]
    assert metadata["uid"] == "uid-1"
    assert list(metadata["annotations"]) == [ANNOTATION]
    await waking.stop()
    assert problems == []


@pytest.mark.parametrize(("status", "told"), [(404, False), (409, False), (403, True)])
async def test_only_what_keeps_the_pod_waiting_is_a_problem(
    server: ScriptedServer, client: ApiClient, status: int, told: bool
) -> None:
    server.always(ROUTE, answering(status))  # type: ignore[arg-type]
    problems: list[str] = []
    waking = Waking(client, problems.append)
    waking.wake(POD)
    await _requests(server, 1)
    await asyncio.sleep(0.05)
    assert bool(problems) is told
    await waking.stop()


async def test_a_bad_moment_of_the_api_server_does_not_leave_the_pod_asleep(
    server: ScriptedServer, client: ApiClient
) -> None:
    answers = [503, 429, 200]

    async def answer(_request: web.Request) -> web.StreamResponse:
        status = answers.pop(0)
        return web.json_response({"kind": "Status", "code": status, "message": "m", "reason": "r"}, status=status)

    server.always(ROUTE, answer)
    problems: list[str] = []
    waking = Waking(client, problems.append)
    waking.wake(POD)
    await _requests(server, 3)
    await asyncio.sleep(0.05)
    await waking.stop()
    assert (answers, problems) == ([], [])


async def test_switched_off_nothing_is_written(server: ScriptedServer, client: ApiClient) -> None:
    waking = Waking(client, lambda _: None, enabled=False)
    waking.wake(POD)
    await asyncio.sleep(0.05)
    assert server.received == []
