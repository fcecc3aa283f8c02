"""Which pods belong together by default."""

import pytest

from scheduler.api.workloads import ReplicaSet, ReplicationController, Service, StatefulSet
from scheduler.cluster.pod_info import Controller
from scheduler.cluster.selection.workloads import Workloads
from scheduler.cluster.shapes import PodShape
from tests.builders import decoded, matching

POD = PodShape("home", {"app": "web", "tier": "front"}, terminating=False)
OWNERS = {
    ReplicaSet: Controller("apps/v1", "ReplicaSet", "one"),
    StatefulSet: Controller("apps/v1", "StatefulSet", "one"),
    ReplicationController: Controller("v1", "ReplicationController", "one"),
}


def a_workload(kind, selector, name="one", namespace="home"):
    metadata = {"name": name, "namespace": namespace}
    return decoded({"metadata": metadata, "spec": {} if selector is None else {"selector": selector}}, kind)


def known(*workloads):
    found = Workloads()
    for workload in workloads:
        found.put(workload)
    return found


def selected(workloads, owner=None):
    return {(r.key, r.operator, *sorted(r.values)) for r in workloads.selector_of(POD, owner)}


APP, TIER = ("app", "In", "web"), ("tier", "In", "front")


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ([{"app": "web"}], {APP}),
        ([{"app": "web"}, {"tier": "front"}], {APP, TIER}),
        ([{"app": "other"}], set()),
        ([{}], set()),
        ([None], set()),
    ],
)
def test_services_that_select_the_pod_add_their_selectors(services, expected):
    workloads = known(*(a_workload(Service, selector, f"s{i}") for i, selector in enumerate(services)))
    assert selected(workloads) == expected


def test_services_of_other_namespaces_do_not_matter():
    assert selected(known(a_workload(Service, {"app": "web"}, namespace="far"))) == set()


@pytest.mark.parametrize("kind", OWNERS)
def test_the_controller_that_owns_the_pod_adds_its_selector(kind):
    selector = {"app": "web"} if kind is ReplicationController else matching(app="web")
    workloads = known(a_workload(kind, selector), a_workload(Service, {"tier": "front"}))
    assert selected(workloads, OWNERS[kind]) == {APP, TIER}
    assert selected(workloads) == {TIER}
    assert selected(workloads, OWNERS[kind]._replace(name="other")) == {TIER}
    assert selected(workloads, OWNERS[kind]._replace(api_version="example.com/v1")) == {TIER}


def test_a_selector_that_makes_no_sense_adds_nothing():
    broken = {"matchExpressions": [{"key": "a", "operator": "?"}]}
    assert selected(known(a_workload(ReplicaSet, broken)), OWNERS[ReplicaSet]) == set()


def test_the_version_of_a_namespace_rises_only_when_something_in_it_may_select_others():
    workloads = known(a_workload(Service, {"app": "web"}))
    before = workloads.version("home"), workloads.version("far")
    workloads.put(a_workload(Service, {"app": "web"}))
    workloads.drop(a_workload(Service, None, "unknown"))
    assert (workloads.version("home"), workloads.version("far")) == before
    workloads.put(a_workload(Service, {"app": "db"}))
    workloads.drop(a_workload(Service, None))
    assert workloads.version("home") > before[0]
    assert selected(workloads) == set()
