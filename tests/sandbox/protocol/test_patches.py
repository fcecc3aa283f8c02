"""The four kinds of PATCH, and how each fails."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_binding, a_container, a_node, a_pod

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


async def test_conditions_are_merged_by_type(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    path = f"{pods}/a/status"
    first = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    await api.patch(path, {"status": {"conditions": [first]}})
    second = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes"}
    answer = await api.patch(path, {"status": {"conditions": [{"type": "Ready", "status": "False"}, second]}})

    conditions = answer.document["status"]["conditions"]
    assert [condition["type"] for condition in conditions] == ["Ready", "PodScheduled"]
    assert conditions[1]["message"] == "0/2 nodes"
    assert conditions[0] == {"type": "Ready", "status": "False", "lastProbeTime": None, "lastTransitionTime": None}


@pytest.mark.parametrize(
    ("patch", "conditions"),
    [
        ([{"type": "b", "$patch": "delete"}], ["a", "c"]),
        ([{"$patch": "replace"}, {"type": "d", "status": "True"}], ["d"]),
        ([{"type": "c", "status": "False"}, {"type": "a", "status": "False"}], ["b", "c", "a"]),
        ([{"type": "d", "status": "True"}], ["d", "a", "b", "c"]),
        ([{"type": "d", "status": "True"}, {"type": "b", "status": "False"}], ["d", "a", "b", "c"]),
    ],
    ids=str,
)
async def test_a_merged_list_keeps_an_order(
    api: Api, pods: str, patch: list[dict[str, str]], conditions: list[str]
) -> None:
    await api.create(pods, a_pod("a"))
    start = [{"$patch": "replace"}, *({"type": kind, "status": "True"} for kind in "abc")]
    await api.patch(f"{pods}/a/status", {"status": {"conditions": start}})
    answer = await api.patch(f"{pods}/a/status", {"status": {"conditions": patch}})
    assert [condition["type"] for condition in answer.document["status"]["conditions"]] == conditions


async def test_taints_are_replaced_as_a_whole(api: Api, unique: str) -> None:
    path = f"/api/v1/nodes/{unique}"
    taints = [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "NoSchedule"}]
    await api.create("/api/v1/nodes", a_node(unique, taints=taints, unschedulable=True))
    answer = await api.patch(path, {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}], "unschedulable": None}})
    assert answer.document["spec"] == {"taints": [{"key": "a", "effect": "NoExecute"}]}


async def test_tolerations_are_replaced_as_a_whole(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a", tolerations=[{"key": "x", "operator": "Exists"}]))
    assert len(created["spec"]["tolerations"]) == 3
    answer = await api.patch(f"{pods}/a", {"spec": {"tolerations": [{"key": "y", "operator": "Exists"}]}})
    assert (answer.status, answer.causes) == (422, {("spec.tolerations", "FieldValueForbidden")})


async def test_a_container_is_found_by_its_name(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a", containers=[a_container("one"), a_container("two")]))
    answer = await api.patch(f"{pods}/a", {"spec": {"containers": [{"name": "two", "image": "other:2"}]}})
    images = {each["name"]: each["image"] for each in answer.document["spec"]["containers"]}
    assert images == {"one": "ghcr.io/acme/app:1", "two": "other:2"}
    assert answer.document["metadata"]["generation"] == 2


async def test_values_can_be_deleted_and_items_ordered(api: Api, namespace: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    manifest = {"metadata": {"name": "a", "finalizers": ["x.io/a", "x.io/b"]}, "secrets": [{"name": "s"}]}
    await api.create(accounts, manifest)
    patch = {
        "metadata": {"$deleteFromPrimitiveList/finalizers": ["x.io/a"]},
        "secrets": [{"name": "t"}],
        "$setElementOrder/secrets": [{"name": "s"}, {"name": "t"}],
    }
    answer = await api.patch(f"{accounts}/a", patch)
    assert answer.document["metadata"]["finalizers"] == ["x.io/b"]
    assert answer.document["secrets"] == [{"name": "s"}, {"name": "t"}]


async def test_a_merge_patch_replaces_lists_and_removes_nulls(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a", labels={"keep": "1", "drop": "2"}))
    answer = await api.patch(f"{pods}/a", {"metadata": {"labels": {"drop": None, "new": "3"}}}, MERGE)
    assert answer.document["metadata"]["labels"] == {"keep": "1", "new": "3"}


async def test_a_json_patch_is_a_list_of_steps(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a", labels={"q": "r"}))
    steps = [
        {"op": "test", "path": "/metadata/labels/q", "value": "r"},
        {"op": "add", "path": "/metadata/labels/x.io~1y", "value": "1"},
        {"op": "copy", "from": "/metadata/labels/q", "path": "/metadata/labels/p"},
        {"op": "move", "from": "/metadata/labels/q", "path": "/metadata/labels/o"},
        {"op": "replace", "path": "/metadata/labels/p", "value": "2"},
        {"op": "add", "path": "/spec/tolerations/-", "value": {"key": "k", "operator": "Exists"}},
    ]
    answer = await api.patch(f"{pods}/a", steps, JSON_PATCH)
    assert answer.document["metadata"]["labels"] == {"x.io/y": "1", "p": "2", "o": "r"}
    assert answer.document["spec"]["tolerations"][-1] == {"key": "k", "operator": "Exists"}


async def test_an_apply_creates_and_then_changes(api: Api, pods: str) -> None:
    manifest = a_pod("a", containers=[a_container(ports=[{"containerPort": 80}])])
    options = {"fieldManager": "tests", "force": "true"}

    async def apply() -> Any:
        body = yaml.safe_dump(manifest).encode()
        return await api.ask("PATCH", f"{pods}/a", body, content_type=APPLY, query=options)

    assert (await apply()).status == 201
    manifest["metadata"]["labels"] = {"app": "web"}
    manifest["spec"]["containers"][0]["image"] = "other:2"
    again = await apply()

    assert again.status == 200
    container = again.document["spec"]["containers"][0]
    assert (again.document["metadata"]["labels"], container["image"]) == ({"app": "web"}, "other:2")
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("patch", "content_type", "status", "reason"),
    [
        ({"metadata": {"resourceVersion": "1"}}, MERGE, 409, "Conflict"),
        ({"metadata": {"name": "b"}}, MERGE, 400, "BadRequest"),
        ({"metadata": {"uid": "other"}}, MERGE, 422, "Invalid"),
        ({"metadata": {"labels": {"a b": "c"}}}, MERGE, 422, "Invalid"),
        ({"spec": {"schedulerName": "other"}}, MERGE, 422, "Invalid"),
        ({"spec": {"nodeName": "node-1"}}, MERGE, 422, "Invalid"),
        ({"spec": {"$patch": "delete"}}, STRATEGIC, 422, "Invalid"),
        ({"spec": {"containers": [{"image": "x"}]}}, STRATEGIC, 500, ""),
        ({"spec": {"containers": [{"name": "new", "image": "x"}]}}, STRATEGIC, 422, "Invalid"),
        ({"metadata": {"labels": {}}}, "application/json", 415, "UnsupportedMediaType"),
        ({"op": "remove", "path": "/x"}, JSON_PATCH, 400, "BadRequest"),
        ([{"op": "grow", "path": "/x"}], JSON_PATCH, 422, "Invalid"),
        ([{"op": "remove", "path": "/metadata/labels/missing"}], JSON_PATCH, 422, "Invalid"),
        ([{"op": "test", "path": "/metadata/name", "value": "b"}], JSON_PATCH, 422, "Invalid"),
    ],
    ids=str,
)
async def test_a_patch_that_does_not_fit_is_refused(
    api: Api, pods: str, patch: Any, content_type: str, status: int, reason: str
) -> None:
    created = await api.create(pods, a_pod("a"))
    answer = await api.patch(f"{pods}/a", patch, content_type)
    assert (answer.status, answer.reason) == (status, reason)
    assert (await api.get(f"{pods}/a")).document == created


async def test_an_unknown_field_of_a_strict_patch_is_a_fault_of_the_patch(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    patch = b'{"spec": {"shedulerName": "x"}}'
    answer = await api.ask("PATCH", f"{pods}/a", patch, content_type=MERGE, query={"fieldValidation": "Strict"})
    assert (answer.status, answer.causes) == (422, {("patch", "FieldValueInvalid")})


async def test_a_status_patch_for_another_pod_of_the_same_name_is_refused(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    await api.create(f"{pods}/a/binding", a_binding("a"))
    answer = await api.patch(f"{pods}/a/status", {"metadata": {"uid": "old"}, "status": {"phase": "Running"}})
    assert (answer.status, answer.causes) == (422, {("metadata.uid", "FieldValueInvalid")})
