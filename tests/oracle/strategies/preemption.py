"""Full nodes, pods of different priority, budgets, and rules that evictions help or do not help with."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies import hostports, objects, podaffinity, spread, taints
from tests.oracle.strategies.family import Cluster, Family
from tests.oracle.strategies.parts import NOTHING, Part, merged, some
from tests.oracle.strategies.vocabulary import NAMESPACES, NOW

_SMALL: tuple[Object, ...] = (
    {"cpu": "2", "memory": "4Gi", "pods": "110"},
    {"cpu": "3", "memory": "4Gi", "pods": "110"},
    {"cpu": "2", "memory": "4Gi", "pods": "3"},
)

NODE: st.SearchStrategy[Part] = st.sampled_from(_SMALL).map(
    lambda size: {"status": {"capacity": size, "allocatable": size}}
)


def _asking(cpu: str) -> Part:
    return {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}]}}


HUNGRY: st.SearchStrategy[Part] = st.sampled_from(["500m", "1", "1", "1500m"]).map(_asking)
HUNGRIER: st.SearchStrategy[Part] = st.sampled_from(["1", "1500m", "2", "2500m"]).map(_asking)

_FATES: st.SearchStrategy[Part] = st.sampled_from(
    [{}] * 8 + [objects.terminating(), objects.terminating("PreemptionByScheduler")]
)

PLACED: st.SearchStrategy[Part] = st.builds(
    merged,
    st.sampled_from([None, None, "low", "low", "high"]).map(objects.priority),
    HUNGRY,
    _FATES,
    st.one_of(NOTHING, NOTHING, NOTHING, hostports.pod_ports(), podaffinity.POD),
)

PENDING: st.SearchStrategy[Part] = st.builds(
    merged,
    st.sampled_from(["high", "high", "urgent", "urgent", "patient", None]).map(objects.priority),
    HUNGRIER,
    st.one_of(NOTHING, NOTHING, hostports.pod_ports(), podaffinity.POD, spread.POD),
)

_BUDGET_SELECTORS: tuple[Object, ...] = (
    {"matchLabels": {"app": "web"}},
    {"matchLabels": {"app": "db"}},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "cache"]}]},
    {},
)


def complete(draw: st.DrawFn, cluster: Cluster) -> None:
    """Add budgets, most of them spent; one may have counted an eviction already."""
    for number in range(draw(st.integers(0, 3))):
        namespace = draw(st.sampled_from(sorted(NAMESPACES)))
        status: Object = {
            "disruptionsAllowed": draw(st.sampled_from([0, 0, 1])),
            "currentHealthy": 1,
            "desiredHealthy": 1,
            "expectedPods": 1,
        }
        if cluster.placed and draw(st.integers(0, 3)) == 0:
            status["disruptedPods"] = {draw(st.sampled_from(cluster.placed))["metadata"]["name"]: NOW}
        cluster.others.append(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": f"budget-{number}", "namespace": namespace},
                "spec": {"minAvailable": 1, "selector": draw(st.sampled_from(_BUDGET_SELECTORS))},
                "status": status,
            }
        )
    if cluster.nodes and draw(st.integers(0, 5)) == 0:
        nominated = {"status": {"nominatedNodeName": draw(st.sampled_from(cluster.node_names))}}
        cluster.pending = merged(cluster.pending, nominated)


FAMILY = Family(
    "preemption",
    node=st.builds(merged, NODE, some(taints.node_taints(), 6)),
    placed=PLACED,
    pending=PENDING,
    complete=complete,
    most_nodes=4,
    fewest_placed=3,
    most_placed=11,
)
