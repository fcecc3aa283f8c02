"""On random small clusters the plugins, vectorised and cached, say what their plain twin says node by node."""

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.explanation import explain
from scheduler.framework.plugin import CounterFilter, CounterScore
from scheduler.images.node_platform import node_platform
from scheduler.plugins.catalogue import default_profile
from tests.plugins import twin
from tests.plugins.clusters import IMAGE_LISTS, NAMESPACE_LABELS, NODE_NAMES, a_namespace, nodes, pods, workloads

WEIGHTS = {"linux/arm64": 100, "windows/amd64": 40}


@st.composite
def clusters(draw):
    members = [draw(nodes(name)) for name in NODE_NAMES[: draw(st.integers(1, 5))]]
    placed = [draw(pods(f"placed-{i}", on=draw(st.sampled_from(NODE_NAMES)))) for i in range(draw(st.integers(0, 5)))]
    selecting = {(type(w), w.metadata.namespace, w.metadata.name): w for w in draw(st.lists(workloads(), max_size=3))}
    return twin.TwinCluster(members, placed, draw(NAMESPACE_LABELS), list(selecting.values()))


def cached(cluster):
    cache = Cache()
    for node in cluster.nodes:
        cache.add_node(node)
    for pod in cluster.pods:
        cache.add_pod(pod)
    for name, labels in cluster.namespaces.items():
        cache.add_namespace(a_namespace(name, labels))
    for workload in cluster.workloads:
        cache.add_workload(workload)
    return cache


def sorted_reasons(rejection):
    return rejection and (rejection.code, rejection.plugin, sorted(rejection.reasons))


@settings(max_examples=150, deadline=None)
@given(clusters(), pods("pending"), IMAGE_LISTS, st.sampled_from([None, WEIGHTS]))
def test_verdicts_reasons_and_scores_are_those_of_the_twin(cluster, pod, images, weights):
    if twin.only_names(pod) == set():
        return  # the pod is rejected before any node is looked at
    cache = cached(cluster)
    cycle = SchedulingCycle(cache, default_profile("test", platform_weights=weights))
    info = make_pod_info(pod, images, cache.classes)
    evaluation = cycle.pod_evaluation(info)
    found = explain(evaluation, cache.nodes)

    expected = {node.name: twin.verdict(pod, images, node, cluster) for node in cluster.nodes}
    assert {n: sorted_reasons(r) for n, r in found.statuses.items()} == {
        n: sorted_reasons(r) for n, r in expected.items()
    }
    feasible = [node for node in cluster.nodes if expected[node.name] is None]
    assert found.scores == twin.scores(pod, feasible, cluster, platform_score(weights))
    totals = {cache.nodes.name(row): evaluation.total(row) for row, key in enumerate(evaluation.keys) if key >= 0}
    assert totals == {name: sum(parts.values()) for name, parts in found.scores.items()}

    decision = cycle.decide(info)
    if feasible:
        assert isinstance(decision, Placed)
        assert totals[decision.node] == max(totals.values())
        assert (decision.feasible, decision.evaluated) == (len(feasible), len(cluster.nodes))
    else:
        assert decision.fit_error.nodes == len(cluster.nodes)
        assert decision.fit_error.rejecting_plugins >= {r.plugin for r in expected.values()} - {""}


def platform_score(weights):
    if weights is None:
        return None
    return lambda node: weights.get(str(node_platform(node)).replace("(10.0.20348)", ""), 0)


@settings(max_examples=75, deadline=None)
@given(clusters(), pods("pending"))
def test_a_plugin_says_of_one_row_what_it_says_of_all(cluster, pod):
    cache = cached(cluster)
    profile = default_profile("test")
    pod_class = make_pod_info(pod, (), cache.classes).pod_class
    every = slice(0, cache.nodes.size)
    for plugin in profile.filters:
        if isinstance(plugin, CounterFilter):
            mask = plugin.filter(pod_class, cache.nodes, every).tolist()
            assert mask == [plugin.filter_row(pod_class, cache.nodes, row) for row in range(cache.nodes.size)]
    for plugin, _ in profile.scores:
        if isinstance(plugin, CounterScore):
            scores = plugin.score(pod_class, cache.nodes, every).tolist()
            assert scores == [plugin.score_row(pod_class, cache.nodes, row) for row in range(cache.nodes.size)]
