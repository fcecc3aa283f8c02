"""The subresources that act on a pod: binding and eviction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_binding, a_pod


async def test_a_binding_places_the_pod_and_says_so(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a", labels={"app": "web"}))
    await api.patch(
        f"{pods}/a/status",
        {
            "status": {
                "nominatedNodeName": "node-9",
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "x"}],
            }
        },
    )
    meta = {"uid": created["metadata"]["uid"], "annotations": {"why": "test"}, "labels": {"zone": "z"}}
    answer = await api.ask("POST", f"{pods}/a/binding", a_binding("a", "node-1", **meta))
    assert (answer.status, answer.document["status"]) == (201, "Success")

    pod = (await api.get(f"{pods}/a")).document
    assert pod["spec"] == created["spec"] | {"nodeName": "node-1"}
    assert pod["metadata"]["annotations"] == {"why": "test"}
    assert pod["metadata"]["labels"] == {"app": "web", "zone": "z"}
    assert pod["metadata"]["generation"] == 1
    [condition] = pod["status"]["conditions"]
    assert condition.pop("lastTransitionTime")
    assert condition == {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    assert "nominatedNodeName" not in pod["status"]


async def test_a_pod_is_bound_once(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    await api.create(f"{pods}/a/binding", a_binding("a", "node-1"))
    for node in ("node-1", "node-2"):
        answer = await api.ask("POST", f"{pods}/a/binding", a_binding("a", node))
        assert (answer.status, answer.reason) == (409, "Conflict")
        assert answer.document["details"] == {"name": "a", "kind": "pods/binding"}
        assert answer.message == (
            'Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "node-1"'
        )


@pytest.mark.parametrize(
    ("binding", "status", "kind"),
    [
        (a_binding("a", uid="other"), 409, "pods"),
        (a_binding("a", resourceVersion="1"), 409, "pods"),
        (a_binding("b"), 400, None),
        (a_binding("a", ""), 500, None),
        (a_binding("a", "Node_1"), 500, None),
        (a_binding("a") | {"target": {"kind": "Pod", "name": "x"}}, 500, None),
    ],
    ids=str,
)
async def test_a_binding_that_does_not_fit_is_refused(
    api: Api, pods: str, binding: dict[str, Any], status: int, kind: str | None
) -> None:
    await api.create(pods, a_pod("a"))
    answer = await api.ask("POST", f"{pods}/a/binding", binding)
    assert answer.status == status
    assert answer.document.get("details", {}).get("kind") == kind
    assert "nodeName" not in (await api.get(f"{pods}/a")).document["spec"]


async def test_only_a_pod_that_is_there_to_stay_is_bound(api: Api, pods: str) -> None:
    assert (await api.ask("POST", f"{pods}/a/binding", a_binding("a"))).status == 404

    await api.create(pods, a_pod("gated", schedulingGates=[{"name": "example.com/hold"}]))
    gated = await api.ask("POST", f"{pods}/gated/binding", a_binding("gated"))
    assert (gated.status, "schedulingGates" in gated.message) == (409, True)

    leaving = a_pod("leaving")
    leaving["metadata"]["finalizers"] = ["example.com/hold"]
    await api.create(pods, leaving)
    await api.ask("DELETE", f"{pods}/leaving")
    answer = await api.ask("POST", f"{pods}/leaving/binding", a_binding("leaving"))
    assert (answer.status, "being deleted" in answer.message) == (409, True)


async def test_a_dry_binding_binds_nothing(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    assert (await api.ask("POST", f"{pods}/a/binding", a_binding("a"), query={"dryRun": "All"})).status == 201
    assert "nodeName" not in (await api.get(f"{pods}/a")).document["spec"]


async def test_an_eviction_deletes_the_pod(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    assert (await api.ask("POST", f"{pods}/a/eviction", eviction)).status == 201
    assert (await api.get(f"{pods}/a")).status == 404
