"""Asking the API server who may read: its answers, its faults, and how long an answer holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from scheduler.kube.requests import ApiClient
from scheduler.serving.access import Refusal
from scheduler.serving.delegated import ACCESS_REVIEWS, TOKEN_REVIEWS, DelegatedAccess
from tests.kube.scripted_server import ScriptedServer, ok, refused

TOKENS, ACCESSES = f"POST {TOKEN_REVIEWS}", f"POST {ACCESS_REVIEWS}"
ALICE = {"username": "alice", "groups": ["ops"], "extra": {"scopes": ["a"]}}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as started:
        yield started


@pytest.fixture
async def access(server: ScriptedServer) -> AsyncIterator[DelegatedAccess]:
    client = ApiClient(server.url)
    yield DelegatedAccess(client)
    await client.close()


def known(user: dict[str, Any]) -> dict[str, Any]:
    return {"status": {"authenticated": True, "user": user}}


def allowed(answer: bool) -> dict[str, Any]:
    return {"status": {"allowed": answer}}


async def test_who_is_known_and_may_is_let_in_and_asked_about_once(
    server: ScriptedServer, access: DelegatedAccess
) -> None:
    server.script(TOKENS, ok(known(ALICE)))
    server.script(ACCESSES, ok(allowed(True)))
    for _ in range(3):
        assert await access.refusal("/metrics", "t0ken", "10.0.0.1") is None
    (token,), (question,) = server.requests(TOKENS), server.requests(ACCESSES)
    assert token.json["spec"] == {"token": "t0ken"}
    assert question.json["spec"] == {
        "user": "alice",
        "uid": "",
        "groups": ["ops"],
        "extra": {"scopes": ["a"]},
        "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
    }


async def test_each_path_is_a_question_of_its_own(server: ScriptedServer, access: DelegatedAccess) -> None:
    server.script(TOKENS, ok(known(ALICE)))
    server.script(ACCESSES, ok(allowed(True)), ok(allowed(False)))
    assert await access.refusal("/metrics", "t0ken", "") is None
    refusal = await access.refusal("/configz", "t0ken", "")
    assert refusal == Refusal(403, 'user "alice" may not get /configz: a ClusterRole with nonResourceURLs allows it')


async def test_masters_may_read_everything_without_a_second_question(
    server: ScriptedServer, access: DelegatedAccess
) -> None:
    server.script(TOKENS, ok(known({"username": "root", "groups": ["system:masters"]})))
    assert await access.refusal("/metrics", "t0ken", "") is None
    assert not server.requests(ACCESSES)


async def test_who_brings_no_token_or_a_wrong_one_is_not_let_in(
    server: ScriptedServer, access: DelegatedAccess
) -> None:
    server.script(TOKENS, ok({"status": {"error": "invalid bearer token"}}))
    assert await access.refusal("/metrics", None, "127.0.0.1") == Refusal(401, "a bearer token is needed")
    for _ in range(2):
        refusal = await access.refusal("/metrics", "wrong", "127.0.0.1")
        assert refusal == Refusal(401, "the API server does not know this token")
    assert len(server.requests(TOKENS)) == 1


async def test_what_cannot_be_checked_is_refused_and_asked_again(
    server: ScriptedServer, access: DelegatedAccess
) -> None:
    server.script(TOKENS, refused(500), ok({"status": []}), ok(known(ALICE)))
    server.script(ACCESSES, ok(allowed(True)))
    for _ in range(2):
        refusal = await access.refusal("/metrics", "t0ken", "")
        assert refusal is not None
        assert refusal.status == 500
        assert "could not be asked" in refusal.message
    assert await access.refusal("/metrics", "t0ken", "") is None
