"""Watches: where they start, what they say of a change, and how they end."""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import Any

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_binding, a_node, a_pod

MERGE = "application/merge-patch+json"


async def revision_of(api: Api, path: str) -> str:
    return str((await api.get(path)).document["metadata"]["resourceVersion"])


async def a_busy_minute(api: Api, pods: str) -> None:
    """``a`` gets bound and deleted, ``b`` gets a label and loses it, is deleted and made anew; ``c`` is new."""
    await api.create(pods, a_pod("c"))
    await api.create(f"{pods}/a/binding", a_binding("a"))
    await api.patch(f"{pods}/b", {"metadata": {"labels": {"k": "v"}}}, MERGE)
    await api.patch(f"{pods}/b", {"metadata": {"labels": {"k": "v"}}}, MERGE)  # changes nothing
    await api.patch(f"{pods}/b", {"metadata": {"labels": {"k": None}}}, MERGE)
    await api.ask("DELETE", f"{pods}/a")
    await api.ask("DELETE", f"{pods}/a", {"gracePeriodSeconds": 0})
    await api.ask("DELETE", f"{pods}/b")
    await api.create(pods, a_pod("b"))


EXISTING = ["ADDED a", "ADDED b"]
CHANGES = ["ADDED c", "MODIFIED a", "MODIFIED b", "MODIFIED b", "MODIFIED a", "MODIFIED a"]
CHANGES += ["DELETED a", "MODIFIED b", "DELETED b", "ADDED b"]


# What is asked for -> what comes until the watch ends. REVISION is that of the list before anything happens.
WATCHES: dict[str, list[str]] = {
    "resourceVersion=REVISION": CHANGES,
    "": EXISTING + CHANGES,
    "resourceVersion=0": EXISTING + CHANGES,
    "sendInitialEvents=true&resourceVersionMatch=NotOlderThan": EXISTING + CHANGES,
    "sendInitialEvents=false&resourceVersionMatch=NotOlderThan": CHANGES,
    "resourceVersion=REVISION&fieldSelector=spec.nodeName%3D": [
        "ADDED c",
        "DELETED a",
        "MODIFIED b",
        "MODIFIED b",
        "MODIFIED b",
        "DELETED b",
        "ADDED b",
    ],
    "resourceVersion=REVISION&fieldSelector=spec.nodeName!%3D": ["ADDED a", "MODIFIED a", "MODIFIED a", "DELETED a"],
    "resourceVersion=REVISION&labelSelector=k": ["ADDED b", "DELETED b"],
    "resourceVersion=REVISION&fieldSelector=metadata.name%3Db": [
        "MODIFIED b",
        "MODIFIED b",
        "MODIFIED b",
        "DELETED b",
        "ADDED b",
    ],
    "resourceVersion=1000000000": [],  # waits for what is still to come
}


async def test_a_watch_tells_every_change_of_what_it_selects_until_its_time_is_up(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    await api.create(pods, a_pod("b"))
    revision = await revision_of(api, pods)

    async def watched(query: str, started: asyncio.Event) -> list[str]:
        options = dict(urllib.parse.parse_qsl(query.replace("REVISION", revision), keep_blank_values=True))
        async with api.watch(pods, **options, timeoutSeconds=2) as events:
            started.set()
            return await events.rest()

    starts = [asyncio.Event() for _ in WATCHES]
    watches = [asyncio.create_task(watched(*pair)) for pair in zip(WATCHES, starts, strict=True)]
    for started in starts:
        await started.wait()
    await asyncio.sleep(0.1)  # an answer has begun before its first events are gathered
    await a_busy_minute(api, pods)

    assert dict(zip(WATCHES, await asyncio.gather(*watches), strict=True)) == WATCHES


async def test_a_watch_that_starts_late_gets_what_it_missed(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    await api.create(pods, a_pod("b"))
    revision = await revision_of(api, pods)
    await a_busy_minute(api, pods)
    async with api.watch(pods, resourceVersion=revision) as events:
        assert await events.take(len(CHANGES)) == CHANGES


async def test_what_stops_matching_is_shown_as_it_was_with_the_revision_of_the_change(api: Api, pods: str) -> None:
    created = await api.create(pods, a_pod("a"))
    async with api.watch(pods, fieldSelector="spec.nodeName=") as events:
        await events.take(1)
        await api.create(f"{pods}/a/binding", a_binding("a"))
        event = await events.next()
    assert event is not None
    bound = (await api.get(f"{pods}/a")).document
    assert event["type"] == "DELETED"
    assert "nodeName" not in event["object"]["spec"]
    assert event["object"]["metadata"]["resourceVersion"] == bound["metadata"]["resourceVersion"]
    assert bound["metadata"]["resourceVersion"] != created["metadata"]["resourceVersion"]


async def test_a_deletion_carries_the_last_state_and_a_revision_of_its_own(api: Api, unique: str) -> None:
    created = await api.create("/api/v1/nodes", a_node(unique))
    async with api.watch("/api/v1/nodes", fieldSelector=f"metadata.name={unique}") as events:
        await events.take(1)
        await api.ask("DELETE", f"/api/v1/nodes/{unique}")
        event = await events.next()
    assert event is not None
    assert event["type"] == "DELETED"
    assert event["object"]["status"]["capacity"]["memory"] == "16Gi"
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


async def test_the_end_of_the_initial_events_is_a_bookmark(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    options = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with api.watch(pods, **options) as events:
        assert await events.take(1) == ["ADDED a"]
        bookmark = await events.next()
    assert bookmark is not None
    assert bookmark["type"] == "BOOKMARK"
    metadata = bookmark["object"]["metadata"]
    assert metadata.pop("resourceVersion")
    assert metadata == {"annotations": {"k8s.io/initial-events-end": "true"}}


async def test_a_bookmark_is_an_object_that_holds_only_a_revision(api: Api, pods: str) -> None:
    revision = await revision_of(api, pods)
    async with api.watch(pods, resourceVersion=revision, allowWatchBookmarks="true", timeoutSeconds=3) as events:
        await api.create(pods, a_pod("a"))
        await events.take(1)
        bookmark = await events.next()
    assert bookmark is not None
    latest = bookmark["object"]["metadata"].pop("resourceVersion")
    assert int(latest) > int(revision)
    assert bookmark == {
        "type": "BOOKMARK",
        "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {}, "spec": {"containers": None}, "status": {}},
    }


async def test_a_node_bookmark_has_the_empty_fields_that_go_writes(api: Api, unique: str) -> None:
    async with api.watch("/api/v1/nodes", allowWatchBookmarks="true", timeoutSeconds=3) as events:
        await api.create("/api/v1/nodes", a_node(unique))
        while (event := await events.next()) is not None and event["type"] != "BOOKMARK":
            pass
    assert event is not None
    assert event["object"]["status"]["nodeInfo"]["kernelVersion"] == ""
    assert event["object"]["status"]["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 0}}


async def test_a_single_object_is_got_and_not_watched(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    assert (await api.get(f"{pods}/a", watch=1)).document["kind"] == "Pod"


async def test_a_watched_table_tells_its_columns_once(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    await api.create(pods, a_pod("b"))
    tables: list[Any] = []
    async with api.watch(pods, accept="application/json;as=Table;v=v1;g=meta.k8s.io") as events:
        for _ in range(2):
            event = await events.next()
            assert event is not None
            tables.append(event["object"])
    assert [table["rows"][0]["cells"][0] for table in tables] == ["a", "b"]
    assert tables[0]["columnDefinitions"]
    assert tables[1]["columnDefinitions"] is None
