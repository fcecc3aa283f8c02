"""What the watches bring reaches the cache and the look-ups, and what is gone leaves them."""

from __future__ import annotations

from typing import Any

import pytest

from extender.loops.known_pods import KnownPods
from extender.loops.looking_up import LookUp
from extender.loops.watching import NamespaceWatch, NodeWatch, PodWatch
from scheduler.api.meta import ObjectMeta
from scheduler.api.namespace import Namespace
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.images.unknown_policy import ANNOTATION
from tests.extender.builders import a_node, a_pod


class RecordedLookUps:
    def __init__(self) -> None:
        self.waiting: set[str] = set()

    def seen(self, pod: Pod) -> LookUp:
        self.waiting.add(pod.metadata.uid)
        return LookUp(("", (), ()), 0.0)

    def gone(self, uid: str) -> None:
        self.waiting.discard(uid)

    def pods(self) -> set[str]:
        return set(self.waiting)


class Watches:
    def __init__(self, *scheduler_names: str) -> None:
        self.cache = Cache()
        self.look_ups = RecordedLookUps()
        self.forgotten: list[str] = []
        look_ups: Any = self.look_ups
        self.known = KnownPods(self.cache.classes)
        self.pods = PodWatch(self.cache, look_ups, self.known, scheduler_names, self.forgotten.append)
        self.nodes = NodeWatch(self.cache)


def bound(pod: Pod, node: str = "amd-0") -> Pod:
    pod.spec.node_name = node
    return pod


def fresh_list(watch: Any, items: list[Any]) -> None:
    """A list in pages of two, as the reflector hands it over."""
    for start in range(0, max(len(items), 1), 2):
        assert watch.listed(items[start : start + 2], start == 0) == []
    watch.replaced([])


def test_a_pending_pod_is_looked_up_until_it_is_bound() -> None:
    watches = Watches()
    watches.pods.added(a_pod())
    assert watches.look_ups.waiting == {"uid-web-0"}
    assert len(watches.known) == 1
    watches.pods.modified(bound(a_pod()))
    assert len(watches.known) == 0
    assert watches.look_ups.waiting == set()
    assert watches.cache.node_of("uid-web-0") == "amd-0"
    assert watches.forgotten == ["uid-web-0"], "it has what it was promised"
    watches.pods.deleted(bound(a_pod()))
    assert len(watches.cache) == 0
    assert watches.forgotten == ["uid-web-0"] * 2


@pytest.mark.parametrize(("names", "waiting"), [((), True), (("default-scheduler",), True), (("other",), False)])
def test_only_pods_of_the_named_schedulers_are_looked_up(names: tuple[str, ...], waiting: bool) -> None:
    watches = Watches(*names)
    watches.pods.added(a_pod())
    assert bool(watches.look_ups.waiting) is waiting


def test_a_pod_that_is_being_deleted_needs_no_node() -> None:
    watches = Watches()
    watches.pods.added(a_pod())
    watches.pods.modified(a_pod(deletionTimestamp="2026-01-01T00:00:00Z"))
    assert watches.look_ups.waiting == set()


def test_a_fresh_list_drops_what_is_not_on_it() -> None:
    watches = Watches()
    fresh_list(watches.pods, [a_pod("a"), a_pod("b"), bound(a_pod("c")), bound(a_pod("d"))])
    fresh_list(watches.pods, [a_pod("b"), bound(a_pod("d"))])
    assert watches.look_ups.waiting == {"uid-b"}
    assert [uid for uid, _ in watches.cache] == ["uid-d"]
    fresh_list(watches.nodes, [a_node("amd-0"), a_node("amd-1")])
    fresh_list(watches.nodes, [a_node("amd-1"), a_node("amd-2")])
    assert sorted(node.name for _, node in watches.cache.nodes) == ["amd-1", "amd-2"]


def test_nodes_come_change_and_go() -> None:
    watches = Watches()
    watches.nodes.added(a_node("amd-0"))
    watches.nodes.modified(a_node("amd-0", "arm64"))
    row = watches.cache.nodes.row_of("amd-0")
    assert row is not None
    platforms = watches.cache.nodes
    assert platforms.platform_values.value(int(platforms.platforms[row])).architecture == "arm64"
    watches.nodes.deleted(a_node("amd-0"))
    assert len(watches.cache.nodes) == 0


def test_an_object_that_makes_no_sense_costs_that_object() -> None:
    watches = Watches()
    fresh_list(watches.nodes, [a_node("bad", cpu="many"), a_node("good")])
    assert [node.name for _, node in watches.cache.nodes] == ["good"]
    fresh_list(watches.pods, [bound(a_pod("bad", cpu="many"), "good"), bound(a_pod("good"), "good")])
    assert [uid for uid, _ in watches.cache] == ["uid-good"]


def test_a_namespace_that_changes_its_policy_is_told() -> None:
    changed: list[str] = []
    watch = NamespaceWatch(Cache(), changed.append)
    watch.replaced([Namespace(metadata=ObjectMeta(name="shop"))])
    watch.modified(Namespace(metadata=ObjectMeta(name="shop", labels={"a": "b"})))
    assert changed == []
    watch.modified(Namespace(metadata=ObjectMeta(name="shop", annotations={ANNOTATION: "open"})))
    assert changed == ["shop"]
    assert watch.annotations("shop") == {ANNOTATION: "open"}
