"""Pods with resource claims wait, and say why; no other pod is touched by that."""

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.plugins.catalogue import upstream_profile
from tests.builders import a_node, a_pod


def decide(spec):
    cache = Cache()
    cache.add_node(a_node())
    return SchedulingCycle(cache, upstream_profile("test")).decide(make_pod_info(a_pod(spec=spec), None, cache.classes))


def test_a_pod_with_resource_claims_waits():
    decision = decide({"resourceClaims": [{"name": "gpu"}]})
    assert decision.fit_error.message == (
        "0/1 nodes are available: the pod has resource claims (spec.resourceClaims),"
        " which multiarch-scheduler does not allocate."
    )
    assert decision.fit_error.rejecting_plugins == {"DynamicResources"}


def test_a_pod_without_claims_is_placed():
    assert isinstance(decide({}), Placed)
