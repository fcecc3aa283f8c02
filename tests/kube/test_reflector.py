from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.api.node import Node
from scheduler.kube.reflector import Reflector, ReflectorSettings
from scheduler.kube.requests import ApiClient, RequestSettings
from tests.kube.recorder import RecordingHandler, until
from tests.kube.scripted_server import ScriptedServer, dropped, lines, ok, refused, silent, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.kube.scripted_server import Answer

PATH = "/api/v1/nodes"
LIST = f"GET {PATH}"
WATCH = f"WATCH {PATH}"


def node(name: str, version: int, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}, "spec": spec}


def listed(*nodes: dict[str, Any], version: int = 10, more: str = "") -> Answer:
    return ok({"metadata": {"resourceVersion": str(version), "continue": more}, "items": nodes})


def change(type_: str, name: str, version: int, **spec: Any) -> dict[str, Any]:
    return {"type": type_, "object": node(name, version, **spec)}


def bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"kind": "Node", "metadata": {"resourceVersion": str(version)}}}


EXPIRED = {"type": "ERROR", "object": status(410, "Expired", "too old resource version")}


class Follower:
    """A reflector of nodes whose waits are noted and skipped."""

    def __init__(self, client: ApiClient, **options: Any) -> None:
        self.handler = RecordingHandler()
        self.problems: list[str] = []
        self.delays: list[float] = []
        self.paused: list[bool] = []
        self.reflector = Reflector(
            client,
            PATH,
            Node,
            self.handler,
            on_problem=self.problems.append,
            draw=lambda: 0.0,
            sleep=self._sleep,
            **options,
        )

    async def _sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.paused.append(self.reflector.paused)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Follower]:
        task = asyncio.create_task(self.reflector.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()


@pytest.fixture
async def follower(client: ApiClient) -> Follower:
    return Follower(client)


def versions(server: ScriptedServer) -> list[str]:
    """From where each watch was asked to go on."""
    return [request.query["resourceVersion"] for request in server.requests(WATCH)]


async def test_a_list_and_the_changes_after_it_are_delivered_in_order(
    server: ScriptedServer, follower: Follower
) -> None:
    server.script(LIST, listed(node("a", 3), node("b", 7)))
    server.script(
        WATCH, lines(change("ADDED", "c", 11), change("MODIFIED", "a", 12), change("DELETED", "b", 13), then="silent")
    )
    async with follower.running():
        await until(lambda: len(follower.handler.calls) == 4)
    assert follower.handler.calls == [
        ("replaced", ["a", "b"]),
        ("added", "c"),
        ("modified", "a"),
        ("deleted", "b"),
    ]
    assert follower.reflector.synced.is_set()
    assert follower.reflector.resource_version == "13"
    assert follower.problems == []
    query = server.requests(WATCH)[0].query
    assert query == {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": "10", "timeoutSeconds": "300"}


async def test_a_long_list_is_read_in_pages_and_delivered_whole(server: ScriptedServer, client: ApiClient) -> None:
    follower = Follower(client, field_selector="spec.unschedulable=false", settings=ReflectorSettings(page_size=2))
    server.script(LIST, listed(node("a", 1), node("b", 2), more="p2"), listed(node("c", 3), more="p3"), listed())
    async with follower.running():
        await follower.reflector.synced.wait()
        await until(lambda: server.requests(WATCH))
    assert follower.handler.calls == [("replaced", ["a", "b", "c"])]
    selector = {"fieldSelector": "spec.unschedulable=false", "limit": "2"}
    assert [request.query for request in server.requests(LIST)] == [
        selector,
        selector | {"continue": "p2"},
        selector | {"continue": "p3"},
    ]
    assert server.requests(WATCH)[0].query["fieldSelector"] == "spec.unschedulable=false"


async def test_pages_may_be_taken_as_they_come(server: ScriptedServer, client: ApiClient) -> None:
    pages: list[tuple[list[str], bool]] = []

    def take(items: list[Node], first: bool) -> list[Node]:
        pages.append(([item.name for item in items], first))
        return items[:1] if first else []

    follower = Follower(client, on_page=take)
    server.script(LIST, listed(node("a", 1), node("b", 2), more="p2"), refused(410, "Expired"))
    server.script(LIST, listed(node("b", 2), node("c", 3), version=20))
    async with follower.running():
        await until(lambda: server.requests(WATCH))
    assert pages == [(["a", "b"], True), (["b", "c"], True)]
    assert follower.handler.calls == [("replaced", ["b"])]


async def test_pages_that_expire_are_replaced_by_the_whole_list(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, listed(node("a", 1), more="p2"), refused(410, "Expired"), listed(node("b", 2), version=20))
    async with follower.running():
        await until(lambda: server.requests(WATCH))
    assert follower.handler.calls == [("replaced", ["b"])]
    assert server.requests(LIST)[-1].query == {}
    assert versions(server) == ["20"]


async def test_an_ended_watch_goes_on_where_it_was(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, listed())
    server.script(
        WATCH,
        lines(change("ADDED", "a", 11)),
        lines(bookmark(15)),
        lines(change("ADDED", "b", 16), then="silent"),
    )
    async with follower.running():
        await until(lambda: len(follower.handler.calls) == 3)
    assert versions(server) == ["10", "11", "15"]
    assert len(server.requests(LIST)) == 1
    assert (follower.problems, follower.delays) == ([], [])


async def test_a_cut_watch_goes_on_where_it_was_and_half_an_event_is_dropped(
    server: ScriptedServer, follower: Follower
) -> None:
    server.script(LIST, listed())
    server.script(
        WATCH,
        lines(change("ADDED", "a", 11), b'{"type": "ADDED", "object": {"metadata": {"name": "b"', then="cut"),
        lines(change("ADDED", "b", 12), then="silent"),
    )
    async with follower.running():
        await until(lambda: len(follower.handler.calls) == 3)
    assert versions(server) == ["10", "11"]
    assert follower.handler.calls[1:] == [("added", "a"), ("added", "b")]
    assert "the connection was cut" in follower.problems[0]


@pytest.mark.parametrize(
    "expired", [lines(EXPIRED), refused(410, "Expired"), lines(change("ADDED", "lost", 11), EXPIRED)]
)
async def test_a_version_that_is_too_old_leads_to_a_new_list(
    server: ScriptedServer, follower: Follower, expired: Answer
) -> None:
    server.script(LIST, listed(node("a", 1)), listed(node("b", 21), version=30))
    server.script(WATCH, expired, lines(change("ADDED", "c", 31), then="silent"))
    async with follower.running():
        await until(lambda: ("added", "c") in follower.handler.calls)
    assert set(follower.handler.nodes) == {"b", "c"}
    assert versions(server) == ["10", "30"]
    assert follower.reflector.stats.expired == 1
    assert (follower.problems, follower.delays) == ([], [])  # it happens after any long pause


async def test_lists_that_expire_again_and_again_are_not_hurried(server: ScriptedServer, follower: Follower) -> None:
    server.always(LIST, listed())
    server.script(WATCH, *[refused(410, "Expired")] * 5)
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 6)
    assert follower.delays == [1.6, 3.2, 6.4, 12.8]  # none before the first repetition


async def test_garbage_in_a_watch_leads_to_a_new_list(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, listed(node("a", 1)), listed(node("b", 2), version=20))
    server.script(WATCH, lines(b"%&?! not json\n", then="silent"))
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 2)
    assert set(follower.handler.nodes) == {"b"}
    assert "a watch event cannot be read" in follower.problems[0]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ok(b"<html>login</html>"), "a list cannot be read"),
        (ok({"metadata": {}, "items": []}), "a list has no resourceVersion"),
        (refused(500, "InternalError", "etcdserver: request timed out"), "etcdserver: request timed out"),
        (refused(403, "Forbidden", "nodes is forbidden"), "grant it in the ClusterRole"),
        (refused(401, "Unauthorized", "Unauthorized"), "check the token or client certificate"),
    ],
)
async def test_a_list_that_fails_is_reported_and_tried_again(
    server: ScriptedServer, follower: Follower, answer: Answer, expected: str
) -> None:
    server.script(LIST, answer, answer, listed(node("a", 1)))
    async with follower.running():
        await follower.reflector.synced.wait()
    assert follower.handler.calls == [("replaced", ["a"])]
    assert len(follower.problems) == 2
    assert follower.delays == [0.8, 1.6]
    assert (follower.paused, follower.reflector.paused) == ([True, True], False)
    for problem in follower.problems:
        assert problem.startswith("watching nodes: ")
        assert server.url in problem
        assert expected in problem
    assert follower.problems[0].endswith("; trying again in 0.8 s")


async def test_nothing_of_a_list_that_breaks_off_is_delivered(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, listed(node("a", 1), more="p2"), refused(500), listed(node("b", 2)))
    async with follower.running():
        await follower.reflector.synced.wait()
    assert follower.handler.calls == [("replaced", ["b"])]


@pytest.mark.parametrize(
    "failures",
    [
        [refused(500)],
        [refused(429)],
        [refused(403, "Forbidden")],
        [dropped],
    ],
)
async def test_a_watch_that_is_refused_does_not_lose_its_place(
    server: ScriptedServer, follower: Follower, failures: list[Answer]
) -> None:
    server.script(LIST, listed())
    server.script(WATCH, *failures, lines(change("ADDED", "a", 11), then="silent"))
    async with follower.running():
        await until(lambda: len(follower.handler.calls) == 2)
    assert set(versions(server)) == {"10"}
    assert len(server.requests(LIST)) == 1
    assert len(follower.problems) == 1


async def test_the_server_says_how_long_to_wait(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, refused(429, "TooManyRequests", Retry_After="9"), listed())
    async with follower.running():
        await follower.reflector.synced.wait()
    assert follower.delays == [9.0]


async def test_progress_ends_the_growth_of_delays(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, refused(500), refused(500), listed())
    server.script(WATCH, refused(500), lines(change("ADDED", "a", 11)), refused(500), silent)
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 4)
    assert follower.delays == [0.8, 1.6, 3.2, 0.8]


async def test_a_watch_that_lasted_ends_the_growth_of_delays_though_nothing_happened(
    server: ScriptedServer, client: ApiClient
) -> None:
    seconds = itertools.count(step=5.0)
    follower = Follower(client, clock=lambda: next(seconds))
    server.script(LIST, *[listed()] * 4)
    server.script(WATCH, refused(500), refused(500), refused(410), refused(410), refused(410), silent)
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 6)
    assert follower.delays == [0.8, 0.8]


async def test_a_watch_that_lasted_ten_seconds_is_enough_however_long_it_was_waited_for(
    server: ScriptedServer, client: ApiClient
) -> None:
    seconds = itertools.count(step=11.0)
    follower = Follower(client, clock=lambda: next(seconds), settings=ReflectorSettings(first_delay=12.0))
    server.script(LIST, listed())
    server.script(WATCH, refused(500), refused(500), refused(500), silent)
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 4)
    assert follower.delays == [12.0, 12.0, 12.0]


async def test_a_watch_that_ends_at_once_without_a_word_is_a_failure(
    server: ScriptedServer, follower: Follower
) -> None:
    server.script(LIST, listed())
    server.script(WATCH, lines(), lines(), silent)
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 3)
    assert follower.delays == [0.8, 1.6]
    assert "it ended a watch at once" in follower.problems[0]


async def test_a_quiet_watch_that_lasted_its_time_is_no_failure(server: ScriptedServer, client: ApiClient) -> None:
    ticks = itertools.count(step=300.0)
    follower = Follower(client, clock=lambda: next(ticks))
    server.script(LIST, listed())
    server.script(WATCH, lines(), silent)
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 2)
    assert (follower.problems, follower.delays) == ([], [])


@pytest.mark.parametrize("frozen", [silent, lines(change("ADDED", "a", 11), then="silent")])
async def test_a_silent_watch_is_taken_for_dead(server: ScriptedServer, client: ApiClient, frozen: Answer) -> None:
    follower = Follower(client, settings=ReflectorSettings(idle_seconds=0.05))
    server.script(LIST, listed())
    server.script(WATCH, frozen, lines(change("ADDED", "b", 12), then="silent"))
    async with follower.running():
        await until(lambda: ("added", "b") in follower.handler.calls)
    assert "no answer within 0.05 s" in follower.problems[0]
    assert len(server.requests(LIST)) == 1


async def test_a_bad_object_costs_that_object_in_list_and_watch(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, listed(node("a", 1), node("bad", 2, taints=7), node("b", 3)))
    server.script(
        WATCH,
        lines(change("ADDED", "worse", 11, unschedulable="perhaps"), change("ADDED", "c", 12), then="cut"),
        silent,
    )
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 2)
    assert follower.handler.calls == [("replaced", ["a", "b"]), ("added", "c")]
    assert follower.problems[:2] == [
        "nodes bad is skipped, it cannot be read: Expected `array`, got `int` - at `$.spec.taints`",
        "nodes worse is skipped, it cannot be read: Expected `bool`, got `str` - at `$.spec.unschedulable`",
    ]
    assert follower.reflector.stats.invalid == 2


async def test_a_bad_object_at_the_end_is_not_read_again(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, listed())
    server.script(WATCH, lines(change("ADDED", "bad", 11, taints=7), then="cut"), silent)
    async with follower.running():
        await until(lambda: len(server.requests(WATCH)) == 2)
    assert versions(server) == ["10", "11"]


async def test_a_known_object_that_turned_bad_can_still_be_deleted(server: ScriptedServer, follower: Follower) -> None:
    server.script(LIST, listed(node("a", 1)))
    server.script(
        WATCH, lines(change("MODIFIED", "a", 11, taints=7), change("DELETED", "a", 12, taints=7), then="silent")
    )
    async with follower.running():
        await until(lambda: len(follower.handler.calls) == 2)
    assert follower.handler.calls == [("replaced", ["a"]), ("deleted", "a")]


async def test_a_server_that_comes_up_later_is_found_and_until_then_named() -> None:
    async with ScriptedServer() as placeholder:
        port = placeholder.port
    client = ApiClient(f"http://127.0.0.1:{port}", settings=RequestSettings(timeout=1))
    follower = Follower(client)
    async with follower.running():
        await until(lambda: len(follower.problems) >= 2)
        async with ScriptedServer(port=port) as server:
            server.script(LIST, listed(node("a", 1)))
            await follower.reflector.synced.wait()
            await until(lambda: server.requests(WATCH))
    await client.close()
    assert follower.handler.calls == [("replaced", ["a"])]
    assert follower.problems[0] == (
        f"watching nodes: cannot reach the API server http://127.0.0.1:{port}: Connection refused; "
        "trying again in 0.8 s"
    )


async def test_what_the_handler_raises_ends_the_reflector(server: ScriptedServer, client: ApiClient) -> None:
    class Broken(RecordingHandler):
        def added(self, item: Node) -> None:
            raise ZeroDivisionError(item.name)

    server.script(LIST, listed())
    server.script(WATCH, lines(change("ADDED", "a", 11), then="silent"))
    with pytest.raises(ZeroDivisionError):
        await Reflector(client, PATH, Node, Broken()).run()


async def test_the_watch_is_closed_when_the_reflector_is_cancelled(server: ScriptedServer, follower: Follower) -> None:
    closed = asyncio.Event()

    async def watched(request: Any) -> Any:
        try:
            return await silent(request)
        finally:
            closed.set()

    server.script(LIST, listed())
    server.script(WATCH, watched)
    async with follower.running():
        await until(lambda: server.requests(WATCH))
    await asyncio.wait_for(closed.wait(), 2)
