"""Lists: order, selectors, pages, and what a resourceVersion means for them."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.manifests import a_binding, a_pod


async def test_a_list_is_in_order_of_names_and_its_items_do_not_repeat_their_kind(api: Api, pods: str) -> None:
    for name in ("b", "a", "a-b", "c"):
        await api.create(pods, a_pod(name))

    answer = await api.get(pods)

    assert answer.names == ["a", "a-b", "b", "c"]
    assert (answer.document["kind"], answer.document["apiVersion"]) == ("PodList", "v1")
    assert all("kind" not in item and "apiVersion" not in item for item in answer.document["items"])


async def test_a_list_over_all_namespaces_holds_every_one(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("here"))
    assert "here" in (await api.get("/api/v1/pods", fieldSelector="metadata.name=here")).names


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("app=web", ["a", "b"]),
        ("app==web,tier=back", ["b"]),
        ("app!=web", ["c", "d"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c", "d"]),
        ("tier in (front, back)", ["a", "b"]),
        ("app notin (web)", ["c", "d"]),
        ("size>2", ["c"]),
        ("size<4", ["a", "c"]),
        ("", ["a", "b", "c", "d"]),
    ],
)
async def test_a_label_selector_narrows_a_list(api: Api, pods: str, selector: str, found: list[str]) -> None:
    for name, labels in (
        ("a", {"app": "web", "tier": "front", "size": "1"}),
        ("b", {"app": "web", "tier": "back", "size": "many"}),
        ("c", {"app": "db", "size": "3"}),
        ("d", None),
    ):
        await api.create(pods, a_pod(name, labels=labels))
    assert (await api.get(pods, labelSelector=selector)).names == found


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("spec.nodeName=", ["b", "c"]),
        ("spec.nodeName!=", ["a"]),
        ("spec.nodeName=node-1", ["a"]),
        ("metadata.name=b", ["b"]),
        ("spec.schedulerName=other,status.phase=Pending", ["c"]),
        ("spec.schedulerName==default-scheduler,metadata.name!=a", ["b"]),
        ("spec.hostNetwork=false,status.nominatedNodeName=", ["a", "b", "c"]),
    ],
)
async def test_a_field_selector_narrows_a_list(api: Api, pods: str, selector: str, found: list[str]) -> None:
    for pod in (a_pod("a"), a_pod("b"), a_pod("c", schedulerName="other")):
        await api.create(pods, pod)
    await api.create(f"{pods}/a/binding", a_binding("a"))
    assert (await api.get(pods, fieldSelector=selector)).names == found


async def test_pages_show_the_state_at_the_first_of_them(api: Api, pods: str) -> None:
    for name in "abcde":
        await api.create(pods, a_pod(name))

    first = await api.get(pods, limit=2)
    await api.ask("DELETE", f"{pods}/d", {"gracePeriodSeconds": 0})
    await api.create(pods, a_pod("cc"))
    second = await api.get(pods, limit=2, **{"continue": first.document["metadata"]["continue"]})
    third = await api.get(pods, limit=2, **{"continue": second.document["metadata"]["continue"]})

    assert first.names + second.names + third.names == ["a", "b", "c", "d", "e"]
    assert first.document["metadata"]["remainingItemCount"] == 3
    assert "continue" not in third.document["metadata"]
    assert len({page.document["metadata"]["resourceVersion"] for page in (first, second, third)}) == 1


async def test_a_page_of_a_selection_does_not_say_how_much_remains(api: Api, pods: str) -> None:
    for name in "abc":
        await api.create(pods, a_pod(name, labels={"app": "web"}))
    page = await api.get(pods, limit=1, labelSelector="app=web")
    assert page.names == ["a"]
    assert page.document["metadata"]["continue"]
    assert "remainingItemCount" not in page.document["metadata"]


async def test_a_list_can_show_exactly_an_old_revision(api: Api, pods: str) -> None:
    await api.create(pods, a_pod("a"))
    revision = (await api.get(pods)).document["metadata"]["resourceVersion"]
    await api.create(pods, a_pod("b"))

    exact = await api.get(pods, resourceVersion=revision, resourceVersionMatch="Exact")
    later = await api.get(pods, resourceVersion=revision, resourceVersionMatch="NotOlderThan")

    assert (exact.names, later.names) == (["a"], ["a", "b"])
    assert exact.document["metadata"]["resourceVersion"] == revision


async def test_a_revision_that_is_still_to_come_is_too_large(api: Api, pods: str) -> None:
    answer = await api.get(pods, resourceVersion=2**40, resourceVersionMatch="NotOlderThan")
    assert (answer.status, answer.reason) == (504, "Timeout")
    assert [cause["reason"] for cause in answer.document["details"]["causes"]] == ["ResourceVersionTooLarge"]
    assert answer.document["details"]["retryAfterSeconds"] == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"fieldSelector": "spec.image=x"}, 400),
        ({"fieldSelector": "abc"}, 400),
        ({"labelSelector": "a in b"}, 400),
        ({"labelSelector": "a=b=c"}, 400),
        ({"labelSelector": "a>x"}, 400),
        ({"limit": "x"}, 400),
        ({"resourceVersion": "abc"}, 400),
        ({"continue": "abc"}, 400),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "1", "resourceVersionMatch": "Sometimes"}, 422),
        ({"sendInitialEvents": "true"}, 422),
        ({"watch": "1", "sendInitialEvents": "true"}, 422),
        ({"watch": "1", "resourceVersionMatch": "NotOlderThan"}, 422),
    ],
    ids=str,
)
async def test_bad_options_are_refused(api: Api, pods: str, query: dict[str, str], status: int) -> None:
    answer = await api.get(pods, **query)
    assert (answer.status, answer.reason) == (status, "BadRequest" if status == 400 else "Invalid")


async def test_the_error_of_a_field_selector_names_the_field(api: Api, pods: str) -> None:
    answer = await api.get(pods, fieldSelector="spec.image=x")
    assert "field label not supported: spec.image" in answer.message


@pytest.mark.parametrize(
    ("path", "is_status"),
    [("/api/v1/foos", True), ("/api/v1/pods/x", True), ("/apis/nope/v1/foos", False), ("/nope", False)],
)
async def test_an_unknown_path_is_not_found(api: Api, path: str, is_status: bool) -> None:
    answer = await api.get(path)
    assert answer.status == 404
    assert (answer.document["kind"] == "Status") if is_status else (answer.document == "404 page not found\n")
