"""Pods that wait for a node that a preemption promised them, and pods that come after them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.strategies import hostports, objects, podaffinity, preemption, spread
from tests.oracle.strategies.family import Cluster, Family
from tests.oracle.strategies.parts import NOTHING, Part, merged


def _nominated(name: str) -> Part:
    return {"status": {"nominatedNodeName": name}}


_WAITING: st.SearchStrategy[Part] = st.builds(
    merged,
    preemption.HUNGRY,
    st.sampled_from(["high", "high", "urgent", "low", None]).map(objects.priority),
    st.one_of(NOTHING, hostports.pod_ports(), podaffinity.POD),
    st.sampled_from([{}] * 7 + [{"spec": {"schedulerName": "another-scheduler"}}]),
)


def complete(draw: st.DrawFn, cluster: Cluster) -> None:
    """Add pods that wait; now and then the pending pod is one, or the node is gone."""
    names = [*cluster.node_names, *cluster.node_names, "gone"]
    for number in range(draw(st.integers(1, 3))):
        part = merged(draw(_WAITING), _nominated(draw(st.sampled_from(names))))
        cluster.others.append(draw(objects.pods(f"waiting-{number}", 500 + number, part)))
    if draw(st.integers(0, 2)) == 0:
        cluster.pending = merged(cluster.pending, _nominated(draw(st.sampled_from(names))))


FAMILY = Family(
    "nominated",
    node=preemption.NODE,
    placed=preemption.PLACED,
    pending=st.builds(
        merged,
        preemption.HUNGRIER,
        st.sampled_from(["high", "high", "urgent", "patient", None]).map(objects.priority),
        st.one_of(NOTHING, NOTHING, hostports.pod_ports(), podaffinity.POD, spread.POD),
    ),
    complete=complete,
    most_nodes=4,
    most_placed=5,
)
