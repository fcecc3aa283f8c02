"""What filters would say if pods left and came is what they say once they have."""

from collections import Counter

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.explanation import explain_statuses
from scheduler.framework.plan import NARROWED_OUT
from scheduler.framework.what_if import WhatIf
from scheduler.plugins.catalogue import upstream_profile
from tests.plugins.clusters import NODE_NAMES, nodes, pods

PROFILE = upstream_profile("test")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_dry_run_comes_true(data):
    cache = Cache()
    members = [data.draw(nodes(name)) for name in NODE_NAMES[:3]]
    for node in members:
        cache.add_node(node)
    placed = [data.draw(pods(f"placed-{i}", on="n0")) for i in range(data.draw(st.integers(0, 4)))]
    coming = [data.draw(pods(f"coming-{i}", on="n0")) for i in range(data.draw(st.integers(0, 2)))]
    for pod in placed:
        cache.add_pod(pod)
    held = Counter(port for pod in cache.pods_on("n0") for port in pod.ports)
    assume(all(number == 1 for number in held.values()))  # two holders of a port count as one, as upstream
    going = [pod for pod in placed if data.draw(st.booleans())]
    pending = make_pod_info(data.draw(pods("pending")), None, cache.classes)
    evaluation = SchedulingCycle(cache, PROFILE).pod_evaluation(pending)
    row = cache.nodes.row_of("n0")
    assume(evaluation.rejection is None and evaluation.local.rejected_by[row] != NARROWED_OUT)

    other = Cache()
    for pod in coming:
        other.add_pod(pod)
    names = {pod.metadata.name for pod in going}
    gone = [pod for pod in cache.pods_on("n0") if pod.pod.metadata.name in names]
    expected = WhatIf(pending, evaluation, cache).rejection(row, gone, list(other.pods_on("n0")))

    for pod in going:
        cache.remove_pod(pod)
    for pod in coming:
        cache.add_pod(pod)
    evaluation.refresh()
    assert as_set(explain_statuses(evaluation, cache.nodes)["n0"]) == as_set(expected)


def as_set(rejection):
    return rejection and (rejection.code, rejection.plugin, sorted(rejection.reasons))
