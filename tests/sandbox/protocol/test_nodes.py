"""Nodes: their taints, and which part of them who may write."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_node

NODES = "/api/v1/nodes"


@pytest.mark.parametrize(
    ("taints", "causes"),
    [
        ([{"key": "a", "effect": "Sometimes"}], {("metadata.taints[0].effect", "FieldValueNotSupported")}),
        ([{"key": "a b", "effect": "NoSchedule"}], {("metadata.taints[0].key", "FieldValueInvalid")}),
        ([{"key": "a", "value": "c d", "effect": "NoExecute"}], {("metadata.taints[0].value", "FieldValueInvalid")}),
        ([{"key": "a", "effect": "NoExecute"}] * 2, {("metadata.taints[1]", "FieldValueDuplicate")}),
    ],
    ids=str,
)
async def test_a_taint_that_makes_no_sense_is_refused(
    api: Api, unique: str, taints: list[dict[str, str]], causes: set[tuple[str, str]]
) -> None:
    answer = await api.ask("POST", NODES, a_node(unique, taints=taints))
    assert (answer.status, answer.causes) == (422, causes)


async def test_spec_and_status_are_written_apart(api: Api, unique: str) -> None:
    await api.create(NODES, a_node(unique))
    patch = {"spec": {"unschedulable": True}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    spec = (await api.patch(f"{NODES}/{unique}", patch)).document
    assert spec["spec"] == {"unschedulable": True}
    assert "conditions" not in spec["status"]

    status = (await api.patch(f"{NODES}/{unique}/status", {"spec": {"unschedulable": None}} | patch)).document
    assert status["spec"] == {"unschedulable": True}
    assert status["status"]["conditions"] == [
        {"type": "Ready", "status": "True", "lastHeartbeatTime": None, "lastTransitionTime": None}
    ]


async def test_cordoned_nodes_can_be_selected(api: Api, unique: str) -> None:
    await api.create(NODES, a_node(unique, unschedulable=True))
    assert unique in (await api.get(NODES, fieldSelector="spec.unschedulable=true")).names
    assert unique not in (await api.get(NODES, fieldSelector="spec.unschedulable=false")).names


async def test_a_label_keeps_an_empty_value(api: Api, unique: str) -> None:
    manifest = a_node(unique)
    manifest["metadata"]["labels"] = {"node-role.kubernetes.io/worker": ""}
    assert (await api.create(NODES, manifest))["metadata"]["labels"] == {"node-role.kubernetes.io/worker": ""}
