"""The live oracle answers as recorded, takes what the strategies make, and survives what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.comparing import difference
from tests.oracle.oracle import Oracle
from tests.oracle.recordings import RECORDINGS, files, read
from tests.oracle.strategies.catalogue import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.real

_SAMPLE = 20

_POD: dict[str, Any] = {
    "metadata": {"name": "pod", "namespace": "default"},
    "spec": {"containers": [{"name": "main", "image": "busybox"}]},
}

_SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secret", "namespace": "default"}}


def _node(name: str) -> dict[str, Any]:
    allocatable = {"cpu": "4", "memory": "8Gi", "pods": "10"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"allocatable": allocatable}}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as started:
        yield started


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(RECORDINGS)))
def test_recorded_cases_are_answered_as_recorded(oracle: Oracle, path: Path) -> None:
    rows = list(read(path))
    sample = rows[:: max(1, len(rows) // _SAMPLE)]
    wrong = [
        f"{row.want['id']}: {found}"
        for row, got in zip(sample, oracle.decide_all(row.case for row in sample), strict=True)
        if (found := difference(row.want, got))
    ]
    assert wrong == []


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_api_server_would_accept_what_the_strategies_make(oracle: Oracle, family: str, data: st.DataObject) -> None:
    case = data.draw(FAMILIES[family])
    stored = oracle.stored(case)

    assert [each["metadata"]["name"] for each in stored["objects"]] == [
        each["metadata"]["name"] for each in case["objects"]
    ]
    oracle.settled(stored, times=2)


def test_storing_adds_defaults_and_what_only_storing_adds(oracle: Oracle) -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
        "matchLabelKeys": ["version"],
    }
    pod: dict[str, Any] = {
        "metadata": {**_POD["metadata"], "labels": {"app": "web", "version": "v1"}},
        "spec": {**_POD["spec"], "topologySpreadConstraints": [constraint]},
    }

    stored = oracle.stored({"id": "case", "objects": [], "pod": pod})["pod"]

    assert stored["spec"]["schedulerName"] == "default-scheduler"
    assert stored["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert stored["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchExpressions"] == [
        {"key": "version", "operator": "In", "values": ["v1"]}
    ]


def test_storing_refuses_what_an_api_server_refuses(oracle: Oracle) -> None:
    pod = {**_POD, "spec": {"containers": []}}
    answer = next(oracle.ask([{"id": "empty", "objects": [], "pod": pod, "store": True}]))
    assert "spec.containers: Required value" in answer["error"]


def test_a_bad_line_is_answered_with_its_id_and_the_next_is_answered_all_the_same(oracle: Oracle) -> None:
    good = {"id": "good", "objects": [_node("a")], "pod": _POD}
    bad: list[tuple[object, object, str]] = [
        ("nonsense", None, "not a case: invalid character"),
        ('{"id": "cut", "objects": [', "cut", "not a case: unexpected EOF"),
        ([1, 2], None, "not a case: json: cannot unmarshal array"),
        ({"id": 7, "objects": []}, 7, "it has no pod"),
        ({"id": "extra", "objects": [], "pod": _POD, "pods": []}, "extra", 'unknown field "pods"'),
        ({"id": "kindless", "objects": [{"metadata": {}}], "pod": _POD}, "kindless", "objects[0]: Object 'Kind'"),
        ({"id": "typo", "objects": [{**_node("a"), "specs": {}}], "pod": _POD}, "typo", 'unknown field "specs"'),
        ({"id": "twins", "objects": [_node("a"), _node("a")], "pod": _POD}, "twins", "there are two Nodes a"),
        (
            {
                "id": "alien",
                "objects": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}],
                "pod": _POD,
            },
            "alien",
            "the scheduler knows nothing of a Secret",
        ),
    ]
    lines = [line for wrong, _, _ in bad for line in (wrong, good)]

    answers = list(oracle.ask(lines))

    for (_, name, text), answer in zip(bad, answers[::2], strict=True):
        assert answer["id"] == name
        assert text in answer["error"]
    assert all(answer["hosts"] == ["a"] for answer in answers[1::2])


def test_without_nodes_the_attempt_itself_fails(oracle: Oracle) -> None:
    answer = oracle.decide({"id": "empty", "objects": [], "pod": _POD})
    assert answer["error"] == "no nodes available to schedule pods"
    assert answer["nodes"] == {}


def test_a_crash_of_the_scheduler_is_told_and_survived(oracle: Oracle) -> None:
    """kube-scheduler 1.37.2 scores by `capacity`, which a CSIStorageCapacity need not have."""
    storage = "storage.k8s.io/v1"
    objects = [
        _node("a"),
        _node("b"),
        {
            "apiVersion": storage,
            "kind": "StorageClass",
            "metadata": {"name": "class"},
            "provisioner": "driver",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        {"apiVersion": storage, "kind": "CSIDriver", "metadata": {"name": "driver"}, "spec": {"storageCapacity": True}},
        {
            "apiVersion": storage,
            "kind": "CSIStorageCapacity",
            "metadata": {"name": "capacity", "namespace": "default"},
            "storageClassName": "class",
            "nodeTopology": {},
            "maximumVolumeSize": "10Gi",
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "claim", "namespace": "default"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "class",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
    ]
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "claim"}}]
    pod = {**_POD, "spec": {**_POD["spec"], "volumes": volumes}}

    crashed, next_one = oracle.ask(
        [{"id": "crash", "objects": objects, "pod": pod}, {"id": "next", "objects": objects[:1], "pod": _POD}]
    )

    assert "the scheduler panics: runtime error: invalid memory address" in crashed["error"]
    assert next_one["hosts"] == ["a"]
