from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Pod, PodCondition, PodStatus
from scheduler.kube.errors import Forbidden, Invalid
from scheduler.kube.pod_status import patch_nomination, patch_unschedulable
from tests.kube.scripted_server import ok, refused

if TYPE_CHECKING:
    from scheduler.kube.requests import ApiClient
    from tests.kube.scripted_server import Answer, ScriptedServer

PATCH = "PATCH /api/v1/namespaces/default/pods/web/status"
NOW = 1_790_000_000.75
MESSAGE = "0/3 nodes are available: 3 node(s) can't run image ghcr.io/acme/app:1 (built for linux/s390x)."


def a_pod(*conditions: PodCondition, generation: int = 2) -> Pod:
    metadata = ObjectMeta(name="web", namespace="default", uid="u1", generation=generation)
    return Pod(metadata=metadata, status=PodStatus(conditions=list(conditions)))


def scheduled(status: str, reason: str = "Unschedulable", message: str = MESSAGE, generation: int = 2) -> PodCondition:
    return PodCondition(
        type="PodScheduled", status=status, reason=reason, message=message, observed_generation=generation
    )


async def test_the_first_condition_is_written_with_its_time_and_the_pods_uid(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(PATCH, ok({}))
    assert await patch_unschedulable(client, a_pod(), "Unschedulable", MESSAGE, NOW)
    assert server.received[0].headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert server.received[0].json == {
        "metadata": {"uid": "u1"},
        "status": {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": MESSAGE,
                    "observedGeneration": 2,
                    "lastTransitionTime": "2026-09-21T14:13:20Z",
                }
            ]
        },
    }


async def test_the_time_stays_that_of_the_transition(server: ScriptedServer, client: ApiClient) -> None:
    server.always(PATCH, ok({}))
    for pod in (a_pod(scheduled("False", message="another reason")), a_pod(scheduled("True", reason=""))):
        assert await patch_unschedulable(client, pod, "Unschedulable", MESSAGE, NOW)
    written = [request.json["status"]["conditions"][0] for request in server.received]
    assert ["lastTransitionTime" in condition for condition in written] == [False, True]


async def test_an_older_server_without_generations_is_not_told_any(server: ScriptedServer, client: ApiClient) -> None:
    server.script(PATCH, ok({}))
    assert await patch_unschedulable(client, a_pod(generation=0), "Unschedulable", MESSAGE, NOW)
    assert "observedGeneration" not in server.received[0].json["status"]["conditions"][0]


@pytest.mark.parametrize(
    ("condition", "sent"),
    [
        (scheduled("False"), False),
        (scheduled("False", generation=1), False),
        (scheduled("False", message="older"), True),
        (scheduled("False", reason="SchedulerError"), True),
        (scheduled("True"), True),
        (PodCondition(type="Ready", status="False", reason="Unschedulable", message=MESSAGE), True),
    ],
)
async def test_only_a_change_is_sent(
    server: ScriptedServer, client: ApiClient, condition: PodCondition, sent: bool
) -> None:
    server.script(PATCH, ok({}))
    assert await patch_unschedulable(client, a_pod(condition), "Unschedulable", MESSAGE, NOW) is sent
    assert len(server.received) == sent


@pytest.mark.parametrize(
    ("now", "before", "written"),
    [("node", "", "node"), ("", "node", None), ("other", "node", "other")],
)
async def test_a_nomination_goes_along(
    server: ScriptedServer, client: ApiClient, now: str, before: str, written: str | None
) -> None:
    server.script(PATCH, ok({}))
    pod = a_pod(scheduled("False"))
    pod.status.nominated_node_name = before
    assert await patch_unschedulable(client, pod, "Unschedulable", MESSAGE, NOW, now)
    assert server.received[0].json["status"]["nominatedNodeName"] == written


@pytest.mark.parametrize(("now", "before"), [("node", "node"), ("", ""), (None, "node")])
async def test_a_nomination_that_stays_is_not_sent(
    server: ScriptedServer, client: ApiClient, now: str | None, before: str
) -> None:
    pod = a_pod(scheduled("False"))
    pod.status.nominated_node_name = before
    assert not await patch_unschedulable(client, pod, "Unschedulable", MESSAGE, NOW, now)
    assert not server.received


@pytest.mark.parametrize(
    "answer",
    [refused(404, "NotFound"), refused(422, "Invalid", 'metadata.uid: Invalid value: "u1": field is immutable')],
)
async def test_a_pod_that_is_gone_or_replaced_is_left_alone(
    server: ScriptedServer, client: ApiClient, answer: Answer
) -> None:
    server.script(PATCH, answer)
    assert not await patch_unschedulable(client, a_pod(), "Unschedulable", MESSAGE, NOW)


async def test_a_fault_that_passes_is_waited_out_and_another_raised(server: ScriptedServer, client: ApiClient) -> None:
    server.script(PATCH, refused(503), ok({}), refused(403), refused(422, "Invalid", "status.conditions: no"))
    assert await patch_unschedulable(client, a_pod(), "Unschedulable", MESSAGE, NOW)
    for expected in (Forbidden, Invalid):
        with pytest.raises(expected):
            await patch_unschedulable(client, a_pod(), "Unschedulable", MESSAGE, NOW)


async def test_a_nomination_is_written_and_taken_back(server: ScriptedServer, client: ApiClient) -> None:
    server.script(PATCH, ok({}), ok({}), refused(404, "NotFound"))
    assert await patch_nomination(client, a_pod(), "here")
    assert await patch_nomination(client, a_pod(), "")
    assert not await patch_nomination(client, a_pod(), "")
    said = [received.json["status"] for received in server.received]
    assert said == [{"nominatedNodeName": "here"}, {"nominatedNodeName": None}, {"nominatedNodeName": None}]
    assert server.received[0].json["metadata"] == {"uid": "u1"}
