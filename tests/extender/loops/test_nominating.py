"""A nomination is written into the status of that very pod, and what keeps it from being written is told."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from extender.loops.nominating import Nominating
from extender.metrics import Metrics
from scheduler.kube.requests import ApiClient
from tests.extender.builders import a_pod
from tests.kube.scripted_server import ScriptedServer

ROUTE = "PATCH /api/v1/namespaces/shop/pods/web-0/status"


@pytest.mark.parametrize(("status", "told"), [(200, False), (404, False), (422, False), (403, True)])
async def test_the_pod_is_nominated_by_its_uid(status: int, told: bool) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "code": status, "message": "m", "reason": "r"}, status=status)

    problems: list[str] = []
    metrics = Metrics()
    async with ScriptedServer() as server:
        server.always(ROUTE, answer)
        client = ApiClient(server.url)
        nominating = Nominating(client, {"uid-web-0": "arm-0"}.get, metrics.nominated, problems.append)
        nominating.nominate(a_pod())
        for _ in range(300):
            if server.received:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await nominating.stop()
        await client.close()
        (request,) = server.received
        assert request.json == {"metadata": {"uid": "uid-web-0"}, "status": {"nominatedNodeName": "arm-0"}}
    assert bool(problems) is told
    count = 1 if status == 200 else 0
    assert f"extender_nominations_total {count:.1f}" in metrics.exposition().decode()
    assert all("arm-0" in problem for problem in problems)


async def test_what_was_promised_last_is_written_once_and_nothing_if_that_is_nothing() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Pod"})

    promised: dict[str, str] = {"uid-web-0": "arm-0"}
    async with ScriptedServer() as server:
        server.always(ROUTE, answer)
        client = ApiClient(server.url)
        nominating = Nominating(client, promised.get, lambda: None, pytest.fail)
        nominating.nominate(a_pod())
        nominating.nominate(a_pod("web-1"))
        promised["uid-web-0"] = "arm-1"
        nominating.nominate(a_pod())
        await asyncio.sleep(0.1)
        await nominating.stop()
        await client.close()
        assert [request.json["status"] for request in server.received] == [{"nominatedNodeName": "arm-1"}]
