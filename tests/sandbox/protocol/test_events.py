"""Events: two API versions of the same objects, the newer one strict."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import an_event

MERGE = "application/merge-patch+json"


@pytest.fixture
def new(namespace: str) -> str:
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


@pytest.fixture
def core(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/events"


def content(document: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in document.items() if field != "metadata"}


async def test_an_event_is_shown_both_ways(api: Api, namespace: str, new: str, core: str) -> None:
    await api.create(new, an_event("e", namespace))
    regarding = {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "a", "uid": "1"}
    common = {
        "eventTime": "2026-01-02T03:04:05.123456Z",
        "reportingInstance": "multiarch-scheduler-0",
        "action": "Scheduling",
        "reason": "FailedScheduling",
        "type": "Warning",
    }
    assert content((await api.get(f"{new}/e")).document) == {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        **common,
        "reportingController": "multiarch-scheduler",
        "regarding": regarding,
        "note": "0/3 nodes are available",
        "deprecatedSource": {},
        "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
    }
    assert content((await api.get(f"{core}/e")).document) == {
        "kind": "Event",
        "apiVersion": "v1",
        **common,
        "reportingComponent": "multiarch-scheduler",
        "involvedObject": regarding,
        "message": "0/3 nodes are available",
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
    }


async def test_an_old_event_is_shown_both_ways(api: Api, namespace: str, new: str, core: str) -> None:
    moment = "2026-01-02T03:04:05Z"
    await api.create(
        core,
        {
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "Pod", "name": "a", "namespace": namespace},
            "reason": "Pulled",
            "message": "hello",
            "source": {"component": "kubelet", "host": "node-1"},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "type": "Normal",
        },
    )
    assert content((await api.get(f"{new}/e")).document) == {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        "eventTime": None,
        "regarding": {"kind": "Pod", "name": "a", "namespace": namespace},
        "reason": "Pulled",
        "note": "hello",
        "type": "Normal",
        "deprecatedSource": {"component": "kubelet", "host": "node-1"},
        "deprecatedFirstTimestamp": moment,
        "deprecatedLastTimestamp": moment,
        "deprecatedCount": 1,
    }


async def test_both_versions_select_by_their_own_field_names(api: Api, namespace: str, new: str, core: str) -> None:
    await api.create(new, an_event("e", namespace))
    await api.create(new, an_event("f", namespace, reason="Scheduled", type="Normal"))
    assert (await api.get(new, fieldSelector="regarding.name=a,reason=Scheduled")).names == ["f"]
    assert (await api.get(new, fieldSelector="reportingController=multiarch-scheduler")).names == ["e", "f"]
    assert (await api.get(core, fieldSelector="involvedObject.name=a,type=Warning")).names == ["e"]
    assert (await api.get(core, fieldSelector="source=multiarch-scheduler")).names == ["e", "f"]
    for path, field in ((new, "involvedObject.name"), (core, "regarding.name")):
        assert (await api.get(path, fieldSelector=f"{field}=a")).status == 400


async def test_both_versions_watch_the_same_objects(api: Api, namespace: str, new: str, core: str) -> None:
    async with api.watch(new) as new_events, api.watch(core) as core_events:
        await api.create(core, {"metadata": {"name": "e"}, "involvedObject": {"namespace": namespace}})
        assert await new_events.take(1) == await core_events.take(1) == ["ADDED e"]


@pytest.mark.parametrize(
    ("fields", "causes"),
    [
        ({"eventTime": None}, {"eventTime"}),
        ({"reportingController": None}, {"reportingController"}),
        ({"reportingController": "a b"}, {"reportingController"}),
        ({"reportingInstance": None}, {"reportingInstance"}),
        ({"reportingInstance": "x" * 129}, {"reportingInstance"}),
        ({"action": None}, {"action"}),
        ({"reason": "x" * 129}, {"reason"}),
        ({"note": "x" * 1025}, {"message"}),
        ({"type": "Fatal"}, {"type"}),
        ({"regarding": {"kind": "Node", "name": "node-1"}}, {"involvedObject.namespace"}),
        ({"series": {"count": 1, "lastObservedTime": "2026-01-02T03:04:05.000000Z"}}, {"series.count"}),
        ({"deprecatedCount": 1}, {"count"}),
        ({"deprecatedSource": {"component": "x"}}, {"source"}),
        ({"deprecatedFirstTimestamp": "2026-01-02T03:04:05Z"}, {"firstTimestamp"}),
    ],
    ids=lambda value: ",".join(value)[:60],
)
async def test_the_newer_version_is_strict(
    api: Api, namespace: str, new: str, fields: dict[str, Any], causes: set[str]
) -> None:
    answer = await api.ask("POST", new, an_event("e", namespace, **fields))
    assert answer.status == 422
    assert {field for field, _ in answer.causes} == causes


async def test_an_event_about_a_node_lives_in_the_default_namespace(api: Api, unique: str) -> None:
    event = an_event(unique, "default", regarding={"kind": "Node", "name": "node-1"})
    await api.create("/apis/events.k8s.io/v1/namespaces/default/events", event)


async def test_of_a_written_event_only_the_series_changes(api: Api, namespace: str, new: str) -> None:
    await api.create(new, an_event("e", namespace))
    series = {"count": 2, "lastObservedTime": "2026-01-02T03:04:06.000001Z"}
    answer = await api.patch(f"{new}/e", {"series": series}, MERGE)
    assert (answer.status, answer.document["series"]) == (200, series)

    refused = await api.patch(f"{new}/e", {"note": "other"}, MERGE)
    assert (refused.status, refused.causes) == (422, {("message", "FieldValueInvalid")})
