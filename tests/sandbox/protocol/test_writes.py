"""Create, replace and delete: names, preconditions, dry runs, what only the server writes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_binding, a_container, a_node, a_pod

STATUS_OF_CONFLICT = (409, "Conflict")


async def test_a_created_object_gets_what_only_the_server_writes(api: Api, namespace: str, pods: str) -> None:
    metadata = (await api.create(pods, a_pod("a")))["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert int(metadata["resourceVersion"]) > 0
    assert (metadata["namespace"], metadata["generation"]) == (namespace, 1)


async def test_a_name_can_be_generated(api: Api, pods: str) -> None:
    manifest = a_pod("") | {"metadata": {"generateName": "web-"}}
    names = {(await api.create(pods, manifest))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch("web-[a-z0-9]{5}", name) for name in names)


async def test_a_name_is_taken_once(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    answer = await api.ask("POST", pods, a_pod("a"))
    assert (answer.status, answer.reason) == (409, "AlreadyExists")
    assert answer.document["details"] == {"name": "a", "kind": "pods"}
    assert answer.message == 'pods "a" already exists'


async def test_a_body_may_be_yaml(api: Api, pods: str) -> None:
    body = yaml.safe_dump(a_pod("a")).encode()
    assert (await api.ask("POST", pods, body, content_type="application/yaml")).status == 201


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"{", "application/json", 400, "BadRequest"),
        (b"", "application/json", 400, "BadRequest"),
        (b"[]", "application/json", 400, "BadRequest"),
        (b"{}", "text/plain", 415, "UnsupportedMediaType"),
        ({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}, "application/json", 400, "BadRequest"),
        ({"apiVersion": "v2", "kind": "Pod", "metadata": {"name": "a"}}, "application/json", 400, "BadRequest"),
        (a_pod("a") | {"metadata": {"name": "a", "namespace": "other"}}, "application/json", 400, "BadRequest"),
        (a_pod("a") | {"metadata": {"name": "a", "resourceVersion": "5"}}, "application/json", 500, ""),
        (a_pod("a", containers="none"), "application/json", 400, "BadRequest"),
        (a_pod("a", containers=[a_container() | {"image": 3}]), "application/json", 400, "BadRequest"),
        (a_pod("a", nodeSelector={"a": True}), "application/json", 400, "BadRequest"),
        (a_pod("a", terminationGracePeriodSeconds="1"), "application/json", 400, "BadRequest"),
        (a_pod("a", hostNetwork=1), "application/json", 400, "BadRequest"),
    ],
    ids=str,
)
async def test_a_body_that_cannot_be_read_is_refused(
    api: Api, pods: str, body: Any, content_type: str, status: int, reason: str
) -> None:
    answer = await api.ask("POST", pods, body, content_type=content_type)
    assert (answer.status, answer.reason) == (status, reason)


async def test_an_object_needs_its_namespace(api: Api) -> None:
    answer = await api.ask("POST", "/api/v1/namespaces/nowhere/pods", a_pod("a"))
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.message == 'namespaces "nowhere" not found'


@pytest.mark.parametrize(
    ("validation", "status", "warned"),
    [("", 201, True), ("Warn", 201, True), ("Ignore", 201, False), ("Strict", 400, False)],
)
async def test_a_misspelt_field_is_reported_as_the_client_wishes(
    api: Api, pods: str, validation: str, status: int, warned: bool
) -> None:
    manifest = a_pod("a", shedulerName="multiarch-scheduler")
    answer = await api.ask("POST", pods, manifest, query={"fieldValidation": validation})
    assert answer.status == status
    assert ('unknown field \\"spec.shedulerName\\"' in answer.headers.get("Warning", "")) is warned
    if status == 201:
        assert "shedulerName" not in answer.document["spec"]
    else:
        assert 'unknown field "spec.shedulerName"' in answer.message


async def test_a_dry_run_checks_and_changes_nothing(api: Api, pods: str) -> None:
    tried = await api.ask("POST", pods, a_pod("a"), query={"dryRun": "All"})
    assert (tried.status, tried.document["spec"]["schedulerName"]) == (201, "default-scheduler")
    assert (await api.get(pods)).names == []

    created = await api.create(pods, a_pod("a"))
    assert (await api.ask("POST", pods, a_pod("a"), query={"dryRun": "All"})).status == 409
    assert (await api.ask("DELETE", f"{pods}/a", query={"dryRun": "All"})).status == 200
    assert (await api.get(f"{pods}/a")).document == created


async def test_a_replacement_must_be_based_on_the_latest_state(api: Api, pods: str) -> None:
    first = await api.create(pods, a_pod("a"))
    first["metadata"]["labels"] = {"step": "1"}
    assert (await api.ask("PUT", f"{pods}/a", first)).status == 200

    late = await api.ask("PUT", f"{pods}/a", first)
    assert (late.status, late.reason) == STATUS_OF_CONFLICT
    assert "the object has been modified" in late.message

    unconditional = first | {"metadata": {"name": "a", "labels": {"step": "2"}}}
    assert (await api.ask("PUT", f"{pods}/a", unconditional)).document["metadata"]["labels"] == {"step": "2"}


@pytest.mark.parametrize(
    ("metadata", "status"), [({"name": "b"}, 400), ({"name": "a", "uid": "other"}, 409), ({"name": "missing"}, 404)]
)
async def test_a_replacement_is_of_the_same_object(api: Api, pods: str, metadata: dict[str, str], status: int) -> None:
    await api.create(pods, a_pod("a"))
    path = f"{pods}/missing" if status == 404 else f"{pods}/a"
    assert (await api.ask("PUT", path, a_pod("a") | {"metadata": metadata})).status == status


async def test_a_write_that_changes_nothing_leaves_the_revision(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a"))
    assert (await api.ask("PUT", f"{pods}/a", created)).document == created


async def test_the_status_of_a_pod_is_not_its_creators_to_write(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a") | {"status": {"phase": "Running", "podIP": "10.0.0.1"}})
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}

    changed = created | {"status": {"phase": "Failed"}}
    assert (await api.ask("PUT", f"{pods}/a", changed)).document["status"]["phase"] == "Pending"
    answer = await api.ask("PUT", f"{pods}/a/status", changed | {"spec": a_pod("a", schedulerName="other")["spec"]})
    assert answer.document["status"]["phase"] == "Failed"
    assert answer.document["spec"] == created["spec"]


async def test_a_node_registers_with_its_status(api: Api, unique: str) -> None:
    created = await api.create("/api/v1/nodes", a_node(unique))
    capacity = {"cpu": "4", "memory": "16Gi", "pods": "110"}
    assert (created["status"]["capacity"], created["status"]["allocatable"]) == (capacity, capacity)


async def test_a_pod_that_runs_nowhere_goes_at_once(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    answer = await api.ask("DELETE", f"{pods}/a")
    assert answer.status == 200
    assert answer.document["metadata"]["deletionGracePeriodSeconds"] == 0
    assert (await api.get(f"{pods}/a")).status == 404


async def test_a_bound_pod_waits_for_its_kubelet(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    await api.create(f"{pods}/a/binding", a_binding("a"))

    deleted = (await api.ask("DELETE", f"{pods}/a")).document["metadata"]
    assert (deleted["deletionGracePeriodSeconds"], deleted["generation"]) == (30, 2)
    assert (await api.get(f"{pods}/a")).document["metadata"] == deleted

    sooner = (await api.ask("DELETE", f"{pods}/a", {"gracePeriodSeconds": 5})).document["metadata"]
    assert (sooner["deletionGracePeriodSeconds"], sooner["generation"]) == (5, 2)
    later = (await api.ask("DELETE", f"{pods}/a", {"gracePeriodSeconds": 60})).document["metadata"]
    assert later["deletionGracePeriodSeconds"] == 5

    await api.ask("DELETE", f"{pods}/a", query={"gracePeriodSeconds": 0})
    assert (await api.get(f"{pods}/a")).status == 404


async def test_a_finalizer_holds_an_object_until_it_is_removed(api: Api, pods: str) -> None:
    manifest = a_pod("a")
    manifest["metadata"]["finalizers"] = ["example.com/hold"]
    await api.create(pods, manifest)
    await api.ask("DELETE", f"{pods}/a")
    held = await api.get(f"{pods}/a")
    assert "deletionTimestamp" in held.document["metadata"]

    await api.patch(f"{pods}/a", {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    assert (await api.get(f"{pods}/a")).status == 404


@pytest.mark.parametrize("preconditions", [{"uid": "other"}, {"resourceVersion": "1"}])
async def test_a_deletion_can_insist_on_an_object(api: Api, pods: str, preconditions: dict[str, str]) -> None:
    await api.create(pods, a_pod("a"))
    answer = await api.ask("DELETE", f"{pods}/a", {"preconditions": preconditions})
    assert (answer.status, answer.reason) == STATUS_OF_CONFLICT
    assert (await api.get(f"{pods}/a")).status == 200


async def test_a_selection_can_be_deleted(api: Api, pods: str) -> None:
    for name, labels in (("a", {"app": "x"}), ("b", {"app": "y"}), ("c", {"app": "x"})):
        await api.create(pods, a_pod(name, labels=labels))
    assert (await api.ask("DELETE", pods, query={"labelSelector": "app=x"})).status == 200
    assert (await api.get(pods)).names == ["b"]


async def test_what_is_no_pod_is_answered_with_a_status(api: Api, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    created = await api.create(maps, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    answer = await api.ask("DELETE", f"{maps}/a")
    assert answer.document["status"] == "Success"
    assert answer.document["details"] == {"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]}


@pytest.mark.parametrize("name", ["default", "kube-system"])
async def test_some_namespaces_cannot_be_deleted(api: Api, name: str) -> None:
    answer = await api.ask("DELETE", f"/api/v1/namespaces/{name}")
    assert (answer.status, answer.reason) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("method", "suffix"), [("PUT", ""), ("PATCH", ""), ("POST", "/a"), ("DELETE", "/a/status"), ("GET", "/a/binding")]
)
async def test_a_method_must_fit_the_path(api: Api, pods: str, method: str, suffix: str) -> None:
    await api.create(pods, a_pod("a"))
    body = None if method in {"GET", "DELETE"} else a_pod("a")
    answer = await api.ask(method, pods + suffix, body)
    assert (answer.status, answer.reason) == (405, "MethodNotAllowed")


async def test_a_pull_secret_must_hold_a_docker_config(api: Api, namespace: str) -> None:
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    kind = "kubernetes.io/dockerconfigjson"
    config = json.dumps({"auths": {"registry.example": {"auth": "dTpw"}}})
    await api.create(secrets, {"metadata": {"name": "a"}, "type": kind, "stringData": {".dockerconfigjson": config}})
    read = (await api.get(f"{secrets}/a")).document
    assert read["data"][".dockerconfigjson"].startswith("eyJhdXRocyI6")
    assert "stringData" not in read

    for data in ({}, {".dockerconfigjson": "bm90anNvbg=="}):
        answer = await api.ask("POST", secrets, {"metadata": {"name": "b"}, "type": kind, "data": data})
        assert answer.status == 422
        assert {field for field, _ in answer.causes} == {"data[.dockerconfigjson]"}
    assert (await api.ask("POST", secrets, {"metadata": {"name": "b"}, "data": {"a": "@"}})).status == 400
