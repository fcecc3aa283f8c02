"""The forms that an Accept header can ask for, and what the server says about itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_binding, a_container, a_node, a_pod, an_event

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


async def table(api: Api, path: str) -> tuple[list[str], list[str], list[list[Any]]]:
    """Titles of the plain and of the wide columns, and the rows."""
    document = (await api.ask("GET", path, accept=TABLE)).document
    assert document["kind"] == "Table"
    columns = document["columnDefinitions"]
    plain = [column["name"] for column in columns if column["priority"] == 0]
    wide = [column["name"] for column in columns if column["priority"] == 1]
    return plain, wide, [row["cells"] for row in document["rows"] or ()]


async def test_pods_are_printed(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    await api.create(f"{pods}/a/binding", a_binding("a"))
    await api.create(pods, a_pod("b", schedulingGates=[{"name": "x"}]))
    await api.create(pods, a_pod("c", containers=[a_container("one"), a_container("two")]))
    started = {"startedAt": "2026-01-01T00:00:00Z"}
    await api.patch(
        f"{pods}/c/status",
        {
            "status": {
                "phase": "Pending",
                "podIPs": [{"ip": "10.0.0.7"}],
                "podIP": "10.0.0.7",
                "containerStatuses": [
                    {"name": "one", "ready": True, "restartCount": 2, "state": {"running": started}},
                    {"name": "two", "ready": False, "state": {"waiting": {"reason": "ErrImagePull"}}},
                ],
            }
        },
    )
    plain, wide, rows = await table(api, pods)
    assert plain == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert wide == ["IP", "Node", "Nominated Node", "Readiness Gates"]
    assert [row[:4] + row[5:] for row in rows] == [
        ["a", "0/1", "Pending", "0", "<none>", "node-1", "<none>", "<none>"],
        ["b", "0/1", "SchedulingGated", "0", "<none>", "<none>", "<none>", "<none>"],
        ["c", "1/2", "ErrImagePull", "2", "10.0.0.7", "<none>", "<none>", "<none>"],
    ]


async def test_a_node_is_printed(api: Api, unique: str) -> None:
    node = a_node(unique, unschedulable=True)
    node["metadata"]["labels"] = {"node-role.kubernetes.io/worker": ""}
    node["status"] |= {
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "nodeInfo": {"architecture": "arm64", "kernelVersion": "6.8.0", "kubeletVersion": "v1.37.2"},
    }
    await api.create("/api/v1/nodes", node)
    plain, wide, [row] = await table(api, f"/api/v1/nodes/{unique}")
    assert plain == ["Name", "Status", "Roles", "Age", "Version"]
    assert wide == ["Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"]
    assert row[:3] + row[4:] == [
        unique,
        "Ready,SchedulingDisabled",
        "worker",
        "v1.37.2",
        "10.0.0.1",
        "<none>",
        "<unknown>",
        "6.8.0 (arm64)",
        "<unknown>",
    ]


async def test_events_are_printed(api: Api, namespace: str) -> None:
    path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    await api.create(path, an_event("e", namespace))
    plain, wide, [row] = await table(api, f"/api/v1/namespaces/{namespace}/events")
    assert plain == ["Last Seen", "Type", "Reason", "Object", "Message"]
    assert wide == ["Subobject", "Source", "First Seen", "Count", "Name"]
    assert row[1:4] == ["Warning", "FailedScheduling", "pod/a"]
    assert row[5:7] == ["multiarch-scheduler, multiarch-scheduler-0", "0/3 nodes are available"]
    assert row[8:] == [1, "e"]


@pytest.mark.parametrize(
    ("kind", "manifest", "columns"),
    [
        ("configmaps", {"data": {"a": "b"}}, ["Name", "Data", "Age"]),
        ("secrets", {"data": {}}, ["Name", "Type", "Data", "Age"]),
        ("serviceaccounts", {}, ["Name", "Age"]),
        ("persistentvolumeclaims", None, ["Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass"]),
        ("limitranges", None, ["Name", "Created At"]),
    ],
)
async def test_each_kind_has_its_columns(
    api: Api, namespace: str, kind: str, manifest: dict[str, Any] | None, columns: list[str]
) -> None:
    path = f"/api/v1/namespaces/{namespace}/{kind}"
    if manifest is not None:
        await api.create(path, {"metadata": {"name": "a"}} | manifest)
    plain, _, rows = await table(api, path)
    assert plain[: len(columns)] == columns
    assert len(rows) == (manifest is not None)


@pytest.mark.parametrize(
    ("include", "kind"), [("", "PartialObjectMetadata"), ("Metadata", "PartialObjectMetadata"), ("Object", "Pod")]
)
async def test_a_row_carries_as_much_of_its_object_as_asked_for(api: Api, pods: str, include: str, kind: str) -> None:
    await api.create(pods, a_pod("a"))
    answer = await api.ask("GET", pods, accept=TABLE, query={"includeObject": include})
    assert answer.document["rows"][0]["object"]["kind"] == kind
    nothing = await api.ask("GET", pods, accept=TABLE, query={"includeObject": "None"})
    assert nothing.document["rows"][0]["object"] is None
    assert (await api.ask("GET", pods, accept=TABLE, query={"includeObject": "Half"})).status == 400


async def test_metadata_alone_can_be_had(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a"))
    one = await api.ask("GET", f"{pods}/a", accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
    many = await api.ask("GET", pods, accept="application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    assert set(one.document) == {"kind", "apiVersion", "metadata"}
    assert one.document["metadata"]["uid"] == created["metadata"]["uid"]
    assert many.document["kind"] == "PartialObjectMetadataList"
    assert many.document["items"][0]["kind"] == "PartialObjectMetadata"


async def test_what_nobody_serves_is_not_acceptable(api: Api, pods: str) -> None:
    answer = await api.ask("GET", pods, accept="text/html")
    assert (answer.status, answer.reason) == (406, "NotAcceptable")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_the_server_is_well(api: Api, path: str) -> None:
    assert (await api.get(path)).document == "ok"


async def test_the_server_is_of_version_1_37(api: Api) -> None:
    version = (await api.get("/version")).document
    assert (version["major"], version["minor"]) == ("1", "37")
    assert version["gitVersion"].startswith("v1.37.")


async def test_resources_are_told_with_their_verbs_and_short_names(api: Api) -> None:
    resources = {each["name"]: each for each in (await api.get("/api/v1")).document["resources"]}
    assert resources["pods"]["shortNames"] == ["po"]
    assert resources["pods"]["categories"] == ["all"]
    assert set(resources["pods"]["verbs"]) >= {"create", "delete", "get", "list", "patch", "update", "watch"}
    assert resources["pods/binding"]["kind"] == "Binding"
    assert (resources["pods/eviction"]["group"], resources["pods/eviction"]["kind"]) == ("policy", "Eviction")
    assert resources["nodes"]["namespaced"] is False


async def test_all_groups_can_be_had_in_one_answer(api: Api) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    core = await api.ask("GET", "/api", accept=accept)
    named = await api.ask("GET", "/apis", accept=accept)
    assert "as=APIGroupDiscoveryList" in core.headers["Content-Type"]
    [version] = core.document["items"][0]["versions"]
    pods = next(each for each in version["resources"] if each["resource"] == "pods")
    assert pods["scope"] == "Namespaced"
    [status] = [each for each in pods["subresources"] if each["subresource"] == "status"]
    assert status["responseKind"] == {"group": "", "version": "", "kind": "Pod"}
    groups = {item["metadata"]["name"] for item in named.document["items"]}
    assert groups >= {"apps", "events.k8s.io", "coordination.k8s.io", "policy", "storage.k8s.io"}


async def test_the_only_user_may_do_everything(api: Api) -> None:
    review = {"spec": {"resourceAttributes": {"verb": "create", "resource": "pods", "subresource": "binding"}}}
    answer = await api.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert (answer.status, answer.document["status"]["allowed"]) == (201, True)


async def test_openapi_tells_the_fields_and_that_they_are_validated(api: Api) -> None:
    index = json.loads((await api.get("/openapi/v3")).document)
    url = index["paths"]["api/v1"]["serverRelativeURL"]
    document = (await api.get(url)).document
    schemas = document["components"]["schemas"]
    pod = next(
        schema
        for schema in schemas.values()
        if {"group": "", "version": "v1", "kind": "Pod"} in schema.get("x-kubernetes-group-version-kind", ())
    )
    assert set(pod["properties"]) == {"apiVersion", "kind", "metadata", "spec", "status"}
    patch = document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert {"dryRun", "fieldValidation"} <= {parameter["name"] for parameter in patch["parameters"]}
