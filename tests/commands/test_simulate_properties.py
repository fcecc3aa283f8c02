"""Of any cluster and any workloads: every pod is accounted for, and no node is given more than it has."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.api.quantity import milli_value
from tests.builders import a_node, a_pod, a_pod_term, away, matching
from tests.commands.simulated import PRIORITIES, a_template, a_workload, an_object, nodes, on, simulated

CPUS = st.sampled_from(["0", "500m", "1", "3"])
A_WORKLOAD = st.tuples(CPUS, st.integers(0, 6), st.sampled_from(["", "high", "quiet"]), st.booleans())


@given(
    st.lists(st.tuples(CPUS, st.booleans()), max_size=4), st.lists(A_WORKLOAD, max_size=4), st.lists(CPUS, max_size=5)
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_pod_is_accounted_for_and_no_node_is_given_more_than_it_has(tmp_path, there, workloads, placed):
    snapshot = nodes(*(a_node(f"n{i}", cpu=cpu, unschedulable=closed) for i, (cpu, closed) in enumerate(there)))
    if there:
        snapshot += [
            an_object("Pod", a_pod(f"p{i}", on=f"n{i % len(there)}", requests={"cpu": cpu}, spec={"priority": -1}))
            for i, cpu in enumerate(placed)
        ]
    wanted = [*PRIORITIES]
    for i, (cpu, replicas, priority, apart) in enumerate(workloads):
        term = a_pod_term("kubernetes.io/hostname", matching(app=f"w{i}"))
        more = ({"priorityClassName": priority} if priority else {}) | (away(term) if apart else {})
        template = a_template(cpu, {"app": f"w{i}"}, **more)
        wanted.append(a_workload("Deployment", f"w{i}", template, replicas=replicas))
    outcome = simulated(tmp_path, snapshot, wanted)
    assert outcome.pods == sum(replicas for _, replicas, *_ in workloads)
    assert len(outcome.placements) + outcome.left == outcome.pods
    open_nodes = {f"n{i}" for i, (_, closed) in enumerate(there) if not closed}
    assert set(on(outcome).values()) <= open_nodes
    before = sum(use.resources["pods"].before for use in outcome.utilisation)
    after = sum(use.resources["pods"].after for use in outcome.utilisation)
    assert after == before + len(outcome.placements) - sum(
        gone.pod.startswith("default/") for gone in outcome.evictions
    )
    gone = {eviction.pod for eviction in outcome.evictions}
    cpus = {f"w{i}": milli_value(cpu) for i, (cpu, *_) in enumerate(workloads)}
    taken = dict.fromkeys((f"n{i}" for i in range(len(there))), 0)
    for i, cpu in enumerate(placed if there else ()):
        taken[f"n{i % len(there)}"] += 0 if f"default/p{i}" in gone else milli_value(cpu)
    wanting = [place for place in outcome.placements if cpus[place.workload.rpartition("/")[2]]]
    for place in wanting:
        taken[place.node] += cpus[place.workload.rpartition("/")[2]]
    for node in {place.node for place in wanting}:
        assert taken[node] <= milli_value(there[int(node[1:])][0])
