"""Pods: what the server writes for their creators, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_container, a_pod

NOT_READY = {
    "key": "node.kubernetes.io/not-ready",
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 300,
}
UNREACHABLE = NOT_READY | {"key": "node.kubernetes.io/unreachable"}


async def test_a_bare_pod_is_completed(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a"))
    assert created["spec"] == {
        "containers": [
            {
                "name": "main",
                "image": "ghcr.io/acme/app:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "enableServiceLinks": True,
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        "tolerations": [NOT_READY, UNREACHABLE],
    }
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


async def test_every_part_of_a_pod_is_completed(api: Api, pods: str) -> None:
    main = a_container(
        image="nginx",
        ports=[{"containerPort": 80}],
        resources={"limits": {"cpu": 0.5, "memory": "1024Mi"}},
        livenessProbe={"httpGet": {"port": 80}},
        env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    )
    volumes = [
        {"name": "nothing"},
        {"name": "secret", "secret": {"secretName": "x"}},
        {"name": "host", "hostPath": {"path": "/"}},
        {"name": "image", "image": {"reference": "data:1"}},
    ]
    spec = (await api.create(pods, a_pod("a", containers=[main], volumes=volumes, hostNetwork=True)))["spec"]

    container = spec["containers"][0]
    assert container["imagePullPolicy"] == "Always"
    assert container["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert container["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }
    assert container["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert container["env"][0]["valueFrom"]["fieldRef"] == {"apiVersion": "v1", "fieldPath": "metadata.name"}
    assert [{key: value for key, value in volume.items() if key != "name"} for volume in spec["volumes"]] == [
        {"emptyDir": {}},
        {"secret": {"secretName": "x", "defaultMode": 420}},
        {"hostPath": {"path": "/", "type": ""}},
        {"image": {"reference": "data:1", "pullPolicy": "IfNotPresent"}},
    ]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("localhost:5000/nginx", "Always"),
        ("localhost:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "0" * 64, "IfNotPresent"),
    ],
)
async def test_the_pull_policy_follows_the_tag(api: Api, pods: str, image: str, policy: str) -> None:
    created = await api.create(pods, a_pod("a", containers=[a_container(image=image)]))
    assert created["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"requests": {"ephemeral-storage": "1Gi"}}], "BestEffort"),
    ],
    ids=str,
)
async def test_the_quality_of_service_follows_the_resources(
    api: Api, pods: str, resources: list[dict[str, Any]], quality: str
) -> None:
    containers = [a_container(f"c{index}", resources=each) for index, each in enumerate(resources)]
    assert (await api.create(pods, a_pod("a", containers=containers)))["status"]["qosClass"] == quality


async def test_a_gated_pod_says_that_it_waits(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a", schedulingGates=[{"name": "example.com/hold"}]))
    [condition] = created["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "PodScheduled",
        "False",
        "SchedulingGated",
    )
    opened = await api.patch(f"{pods}/a", {"spec": {"schedulingGates": None, "nodeSelector": {"a": "b"}}})
    assert opened.status == 200
    assert "schedulingGates" not in opened.document["spec"]


async def test_an_own_toleration_is_not_doubled(api: Api, pods: str) -> None:
    everything = {"operator": "Exists"}
    created = await api.create(pods, a_pod("a", tolerations=[everything]))
    assert created["spec"]["tolerations"] == [everything]


async def test_a_priority_comes_from_the_class(api: Api, pods: str, unique: str) -> None:
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    await api.create(classes, {"metadata": {"name": unique}, "value": 7, "preemptionPolicy": "Never"})
    spec = (await api.create(pods, a_pod("a", priorityClassName=unique)))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (7, "Never")
    system = await api.create(pods, a_pod("b", priorityClassName="system-node-critical"))
    assert system["spec"]["priority"] == 2_000_001_000

    for wrong in ({"priorityClassName": "missing"}, {"priority": 5}):
        answer = await api.ask("POST", pods, a_pod("c", **wrong))
        assert (answer.status, answer.reason) == (403, "Forbidden")


NODE_AFFINITY = "spec.affinity.nodeAffinity"
REQUIRED_TERMS = f"{NODE_AFFINITY}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
PREFERRED = f"{NODE_AFFINITY}.preferredDuringSchedulingIgnoredDuringExecution"


def affinity(*expressions: dict[str, Any], preferred: int | None = None) -> dict[str, Any]:
    terms = [{"matchExpressions": list(expressions)}] if expressions else []
    if preferred is not None:
        chosen = [{"weight": preferred, "preference": {"matchExpressions": list(expressions)}}]
        return {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": chosen}}}
    needed = {"nodeSelectorTerms": terms}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": needed}}}


INVALID, REQUIRED, DUPLICATE = "FieldValueInvalid", "FieldValueRequired", "FieldValueDuplicate"
FORBIDDEN, NOT_SUPPORTED = "FieldValueForbidden", "FieldValueNotSupported"
FIRST = "spec.containers[0]"


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"containers": []}, {("spec.containers", REQUIRED)}),
        ({"containers": [{"name": "a"}]}, {(f"{FIRST}.image", REQUIRED)}),
        ({"containers": [{"image": "a"}]}, {(f"{FIRST}.name", REQUIRED)}),
        (
            {"containers": [a_container("A"), a_container("b", " x"), a_container("b")]},
            {
                (f"{FIRST}.name", INVALID),
                ("spec.containers[1].image", INVALID),
                ("spec.containers[2].name", DUPLICATE),
            },
        ),
        (
            {"containers": [a_container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})]},
            {(f"{FIRST}.resources.requests", INVALID)},
        ),
        (
            {"containers": [a_container(resources={"requests": {"cpu": "-1"}})]},
            {(f"{FIRST}.resources.requests[cpu]", INVALID)},
        ),
        (
            {"containers": [a_container(ports=[{"hostPort": 70000, "protocol": "XXX"}])]},
            {
                (f"{FIRST}.ports[0].containerPort", REQUIRED),
                (f"{FIRST}.ports[0].hostPort", INVALID),
                (f"{FIRST}.ports[0].protocol", NOT_SUPPORTED),
            },
        ),
        ({"nodeSelector": {"a b": "c d"}}, {("spec.nodeSelector", INVALID)}),
        (
            {"restartPolicy": "Sometimes", "nodeName": "N N"},
            {("spec.restartPolicy", NOT_SUPPORTED), ("spec.nodeName", INVALID)},
        ),
        (
            {
                "tolerations": [
                    {"operator": "Equal"},
                    {"key": "a", "operator": "Like"},
                    {"key": "b", "operator": "Exists", "value": "x"},
                    {"key": "c", "effect": "Sometimes"},
                    {"key": "d", "tolerationSeconds": 3},
                ]
            },
            {
                ("spec.tolerations[0].operator", INVALID),
                ("spec.tolerations[1].operator", NOT_SUPPORTED),
                ("spec.tolerations[2].operator", INVALID),
                ("spec.tolerations[3].effect", NOT_SUPPORTED),
                ("spec.tolerations[4].effect", INVALID),
            },
        ),
        (affinity(), {(REQUIRED_TERMS, REQUIRED)}),
        (
            affinity(
                {"key": "a", "operator": "In"},
                {"key": "b", "operator": "Exists", "values": ["x"]},
                {"key": "c", "operator": "Gt", "values": ["1", "2"]},
                {"key": "d", "operator": "Like"},
            ),
            {
                (f"{REQUIRED_TERMS}[0].matchExpressions[0].values", REQUIRED),
                (f"{REQUIRED_TERMS}[0].matchExpressions[1].values", FORBIDDEN),
                (f"{REQUIRED_TERMS}[0].matchExpressions[2].values", REQUIRED),
                (f"{REQUIRED_TERMS}[0].matchExpressions[3].operator", INVALID),
            },
        ),
        (affinity({"key": "a", "operator": "Exists"}, preferred=0), {(f"{PREFERRED}[0].weight", INVALID)}),
        (
            {"schedulingGates": [{"name": "a"}, {"name": "a"}, {"name": "b c"}]},
            {("spec.schedulingGates[1]", DUPLICATE), ("spec.schedulingGates[2]", INVALID)},
        ),
        ({"schedulingGates": [{"name": "a"}], "nodeName": "n"}, {("spec.nodeName", FORBIDDEN)}),
        (
            {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]},
            {("spec.volumes[1].name", DUPLICATE)},
        ),
    ],
)
async def test_a_pod_that_makes_no_sense_is_refused_with_its_causes(
    api: Api, pods: str, spec: dict[str, Any], causes: set[tuple[str, str]]
) -> None:
    answer = await api.ask("POST", pods, a_pod("a", **spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == causes
    assert answer.message.startswith('Pod "a" is invalid: ')


@pytest.mark.parametrize(
    ("metadata", "causes"),
    [
        ({"name": "Bad_Name"}, {("metadata.name", INVALID)}),
        ({"name": "a" * 254}, {("metadata.name", INVALID)}),
        ({}, {("metadata.name", REQUIRED)}),
        ({"name": "a", "labels": {"a": "b c", "_": "x"}}, {("metadata.labels", INVALID)}),
        ({"name": "a", "annotations": {"a b": "c"}}, {("metadata.annotations", INVALID)}),
    ],
)
async def test_metadata_that_makes_no_sense_is_refused(
    api: Api, pods: str, metadata: dict[str, Any], causes: set[tuple[str, str]]
) -> None:
    answer = await api.ask("POST", pods, a_pod("a") | {"metadata": metadata})
    assert (answer.status, answer.causes) == (422, causes)


async def test_a_quantity_that_is_none_is_refused(api: Api, pods: str) -> None:
    answer = await api.ask("POST", pods, a_pod("a", containers=[a_container(resources={"limits": {"cpu": "two"}})]))
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert "quantities must" in answer.message


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ({"containers": [{"name": "main", "image": "other:2"}]}, 200),
        ({"tolerations": [NOT_READY, UNREACHABLE, {"key": "new", "operator": "Exists"}]}, 200),
        ({"tolerations": [NOT_READY | {"tolerationSeconds": 3}, UNREACHABLE]}, 200),
        ({"tolerations": [NOT_READY]}, 200),  # what admission wrote, it writes again
        ({"nodeSelector": {"a": "b"}}, 422),
        ({"priority": 3}, 422),
        ({"containers": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}]}, 422),
        ({"schedulingGates": [{"name": "late"}]}, 422),
    ],
    ids=str,
)
async def test_little_of_a_pod_can_be_changed(api: Api, pods: str, patch: dict[str, Any], status: int) -> None:
    await api.create(pods, a_pod("a"))
    assert (await api.patch(f"{pods}/a", {"spec": patch})).status == status


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ({"conditions": [{"type": "a b", "status": "True"}]}, ("status.conditions[0].Type", INVALID)),
        ({"nominatedNodeName": "N N"}, ("status.nominatedNodeName", INVALID)),
        ({"qosClass": "Guaranteed"}, ("status.qosClass", INVALID)),
    ],
    ids=str,
)
async def test_a_status_that_makes_no_sense_is_refused(
    api: Api, pods: str, status: dict[str, Any], cause: tuple[str, str]
) -> None:
    await api.create(pods, a_pod("a"))
    answer = await api.patch(f"{pods}/a/status", {"status": status})
    assert (answer.status, answer.causes) == (422, {cause})
