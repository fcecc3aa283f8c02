"""The requests of a preemption: what is sent, and whom they leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Pod
from scheduler.kube.errors import Forbidden
from scheduler.kube.preemption import evict_for_preemption
from tests.kube.scripted_server import ok, refused

if TYPE_CHECKING:
    from scheduler.kube.requests import ApiClient
    from tests.kube.scripted_server import Answer, ScriptedServer

DELETE = "DELETE /api/v1/namespaces/default/pods/web"
PATCH = "PATCH /api/v1/namespaces/default/pods/web/status"
NOW = 1_790_000_000.75
REPLACED = refused(422, "Invalid", 'metadata.uid: Invalid value: "u1": field is immutable')


def a_pod(**metadata: object) -> Pod:
    return Pod(metadata=ObjectMeta(name="web", namespace="default", uid="u1", **metadata))


async def test_a_victim_is_told_and_then_deleted_if_it_is_still_the_same(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(PATCH, ok({}))
    server.script(DELETE, ok({}))
    assert await evict_for_preemption(client, a_pod(generation=2), "why", NOW)
    patch, delete = server.received
    assert patch.json == {
        "metadata": {"uid": "u1"},
        "status": {
            "conditions": [
                {
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "PreemptionByScheduler",
                    "message": "why",
                    "lastTransitionTime": "2026-09-21T14:13:20Z",
                    "observedGeneration": 2,
                }
            ]
        },
    }
    assert delete.json == {"preconditions": {"uid": "u1"}}


@pytest.mark.parametrize("answer", [refused(404, "NotFound"), REPLACED])
async def test_a_victim_that_is_gone_or_replaced_is_left_alone(
    server: ScriptedServer, client: ApiClient, answer: Answer
) -> None:
    server.script(PATCH, answer)
    assert not await evict_for_preemption(client, a_pod(), "why", NOW)
    assert len(server.received) == 1


async def test_a_victim_that_goes_meanwhile_is_no_trouble(server: ScriptedServer, client: ApiClient) -> None:
    server.always(PATCH, ok({}))
    server.script(DELETE, refused(404, "NotFound"), refused(409, "Conflict"))
    assert not await evict_for_preemption(client, a_pod(), "why", NOW)
    assert not await evict_for_preemption(client, a_pod(), "why", NOW)


async def test_a_refusal_is_raised(server: ScriptedServer, client: ApiClient) -> None:
    server.script(PATCH, refused(403))
    with pytest.raises(Forbidden):
        await evict_for_preemption(client, a_pod(), "why", NOW)
