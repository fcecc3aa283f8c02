from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.kube.errors import ServerError
from scheduler.kube.secrets import PullSecrets
from tests.kube.recorder import until
from tests.kube.scripted_server import ok, refused

if TYPE_CHECKING:
    from scheduler.kube.requests import ApiClient
    from tests.kube.scripted_server import Answer, ScriptedServer

DOCKER_CONFIG = b'{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}'


def route(name: str, namespace: str = "default") -> str:
    return f"GET /api/v1/namespaces/{namespace}/secrets/{name}"


def secret(payload: bytes = DOCKER_CONFIG, type_: str = "kubernetes.io/dockerconfigjson") -> Answer:
    key = ".dockercfg" if type_.endswith("cfg") else ".dockerconfigjson"
    return ok({"kind": "Secret", "type": type_, "data": {key: base64.b64encode(payload).decode()}})


class Reader:
    """Pull secrets with a clock that the test moves."""

    def __init__(self, client: ApiClient) -> None:
        self.now = 0.0
        self.problems: list[str] = []
        self.secrets = PullSecrets(client, seconds=30, on_problem=self.problems.append, clock=lambda: self.now)

    async def read(self, *names: str, namespace: str = "default") -> list[tuple[str, bytes]]:
        return await self.secrets.read(namespace, names)


@pytest.fixture
async def reader(client: ApiClient) -> Reader:
    return Reader(client)


async def test_secrets_are_read_one_by_one_in_order_without_the_missing(server: ScriptedServer, reader: Reader) -> None:
    server.script(route("b"), secret())
    server.script(route("missing"), refused(404, "NotFound"))
    server.script(route("a"), secret(b"{}", "kubernetes.io/dockercfg"))
    assert await reader.read("b", "missing", "a", "b") == [
        ("kubernetes.io/dockerconfigjson", DOCKER_CONFIG),
        ("kubernetes.io/dockercfg", b"{}"),
    ]
    assert [request.path.rsplit("/", 1)[1] for request in server.received] == ["b", "missing", "a"]
    assert reader.problems == []


async def test_a_secret_is_remembered_for_a_short_time_and_so_is_its_absence(
    server: ScriptedServer, reader: Reader
) -> None:
    server.script(route("a"), secret(), secret(b"{}"))
    server.script(route("b"), refused(404), secret())
    for _ in range(3):
        assert len(await reader.read("a", "b")) == 1
    assert len(server.received) == 2
    reader.now += 31
    assert [payload for _, payload in await reader.read("a", "b")] == [b"{}", DOCKER_CONFIG]


async def test_secrets_of_other_namespaces_are_other_secrets(server: ScriptedServer, reader: Reader) -> None:
    server.script(route("a"), secret(b"1"))
    server.script(route("a", "other"), secret(b"2"))
    assert [payload for _, payload in await reader.read("a") + await reader.read("a", namespace="other")] == [
        b"1",
        b"2",
    ]


async def test_many_pods_at_once_ask_once(server: ScriptedServer, reader: Reader) -> None:
    server.script(route("a"), secret())
    answers = await asyncio.gather(*(reader.read("a") for _ in range(50)))
    assert all(len(answer) == 1 for answer in answers)
    assert len(server.received) == 1


async def test_a_caller_that_is_cancelled_does_not_take_the_answer_with_it(
    server: ScriptedServer, reader: Reader
) -> None:
    server.script(route("a"), ok({"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "e30="}}, after=0.05))
    first, second = asyncio.create_task(reader.read("a")), asyncio.create_task(reader.read("a"))
    await until(lambda: server.received)
    first.cancel()
    assert await second == [("kubernetes.io/dockercfg", b"{}")]


async def test_a_server_that_cannot_be_asked_is_an_error_and_not_remembered(
    server: ScriptedServer, reader: Reader
) -> None:
    server.script(route("a"), *[refused(500)] * 4, secret())
    with pytest.raises(ServerError):
        await reader.read("a")
    assert len(await reader.read("a")) == 1


async def test_a_secret_that_may_not_be_read_is_reported_and_left_out(server: ScriptedServer, reader: Reader) -> None:
    server.script(route("a"), refused(403, "Forbidden", 'secrets "a" is forbidden'))
    for _ in range(2):
        assert await reader.read("a") == []
    assert len(reader.problems) == 1
    assert "pull secret default/a is not used" in reader.problems[0]
    assert "grant it in the ClusterRole" in reader.problems[0]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Opaque", "data": {".dockerconfigjson": "e30="}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockercfg": "e30="}},
        {"type": "kubernetes.io/dockerconfigjson"},
    ],
)
async def test_a_secret_of_another_type_is_reported_without_its_content(
    server: ScriptedServer, reader: Reader, body: dict[str, Any]
) -> None:
    server.script(route("a"), ok(body))
    assert await reader.read("a") == []
    assert "pull secret default/a is not used: its type is" in reader.problems[0]
    assert "e30=" not in reader.problems[0]


@pytest.mark.parametrize("name", ["../configmaps/x", "..", "", "a/b", "A", "x?y=z", "%2e%2e", "a" * 300])
async def test_a_name_that_no_secret_can_have_is_not_asked_for(
    server: ScriptedServer, reader: Reader, name: str
) -> None:
    assert await reader.read(name) == []
    assert server.received == []
    assert "no secret can have that name" in reader.problems[0]
