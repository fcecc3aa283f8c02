"""Namespaces, services and controllers: what the watches show is what the cache knows."""

from __future__ import annotations

import pytest

from scheduler.api.namespace import Namespace
from scheduler.api.workloads import ReplicaSet, ReplicationController, Service, StatefulSet, Workload
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import Controller
from scheduler.loops.watching_selection import WORKLOADS, NamespaceLabelWatch, WorkloadWatch
from tests.builders import a_pod, decoded, matching

WEB = {"app": "web"}
API_VERSIONS = {Service: "v1", ReplicationController: "v1", ReplicaSet: "apps/v1", StatefulSet: "apps/v1"}


def a_namespace(name: str, annotations: dict[str, str] | None = None, **labels: str) -> Namespace:
    return decoded({"metadata": {"name": name, "labels": labels, "annotations": annotations or {}}}, Namespace)


def a_workload(kind: type[Workload], name: str, **labels: str) -> Workload:
    exact = kind in (Service, ReplicationController)
    selector = labels if exact else matching(**labels)
    metadata = {"name": name, "namespace": "default", "resourceVersion": "1"}
    return decoded({"metadata": metadata, "spec": {"selector": selector}}, kind)


def selected_with(cache: Cache, kind: type[Workload], name: str) -> dict[str, set[str]]:
    """Which labels a pod is spread by that the object of this name selects or owns."""
    shape = cache.classes.shapes.of(a_pod(labels={"app": "web", "tier": "front"}))
    owner = None if kind is Service else Controller(API_VERSIONS[kind], kind.__name__, name)
    return {r.key: set(r.values) for r in cache.workloads.selector_of(shape, owner)}


def test_labels_of_namespaces_reach_the_cache_and_annotations_are_kept() -> None:
    cache = Cache()
    watch = NamespaceLabelWatch(cache)
    watch.replaced([a_namespace("a", team="x"), a_namespace("b")])
    watch.added(a_namespace("c", {"note": "1"}, team="y"))
    assert [cache.namespaces.get(name) for name in "abc"] == [{"team": "x"}, {}, {"team": "y"}]
    assert watch.annotations("c") == {"note": "1"}
    watch.modified(a_namespace("a", team="z"))
    watch.deleted(a_namespace("c"))
    assert [cache.namespaces.get(name) for name in "abc"] == [{"team": "z"}, {}, None]
    watch.replaced([a_namespace("b")])
    assert [cache.namespaces.get(name) for name in "abc"] == [None, {}, None]


@pytest.mark.parametrize("kind", [kind for _, _, kind in WORKLOADS])
def test_what_a_service_or_controller_selects_reaches_the_cache(kind: type[Workload]) -> None:
    cache = Cache()
    watch = WorkloadWatch(kind, cache)
    watch.replaced([a_workload(kind, "one", **WEB)])
    assert selected_with(cache, kind, "one") == {"app": {"web"}}
    watch.modified(a_workload(kind, "one", tier="front"))
    assert selected_with(cache, kind, "one") == {"tier": {"front"}}
    watch.deleted(a_workload(kind, "one"))
    assert selected_with(cache, kind, "one") == {}
    watch.added(a_workload(kind, "one", **WEB))
    watch.replaced([a_workload(kind, "other", tier="front")])
    assert selected_with(cache, kind, "other") == {"tier": {"front"}}
    if kind is not Service:
        assert selected_with(cache, kind, "one") == {}


def test_every_kind_that_spreads_pods_by_default_is_watched() -> None:
    assert {kind for _, _, kind in WORKLOADS} == set(API_VERSIONS)
