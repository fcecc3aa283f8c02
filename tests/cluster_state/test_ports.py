"""Host ports: which conflict, and which rows hold them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.cluster.ports import ANY_ADDRESS, HostPort, PortsInUse, host_ports
from tests.builders import a_container, a_pod

ANY, LOCAL, SIX = ANY_ADDRESS, "127.0.0.1", "::"

PORTS = st.builds(
    HostPort, st.sampled_from([ANY, LOCAL, SIX]), st.sampled_from(["TCP", "UDP"]), st.sampled_from([80, 81])
)


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (HostPort(ANY, "TCP", 80), HostPort(ANY, "TCP", 80), True),
        (HostPort(ANY, "TCP", 80), HostPort(LOCAL, "TCP", 80), True),
        (HostPort(LOCAL, "TCP", 80), HostPort("10.0.0.1", "TCP", 80), False),
        (HostPort(SIX, "TCP", 80), HostPort(LOCAL, "TCP", 80), False),
        (HostPort(SIX, "TCP", 80), HostPort(ANY, "TCP", 80), True),
        (HostPort(ANY, "TCP", 80), HostPort(ANY, "UDP", 80), False),
        (HostPort(ANY, "TCP", 80), HostPort(ANY, "TCP", 81), False),
    ],
)
def test_two_ports_can_be_had_on_one_node_or_not(one, other, conflict):
    assert one.conflicts(other) is conflict
    assert other.conflicts(one) is conflict


def test_containers_and_sidecars_hold_ports_and_other_init_containers_do_not():
    pod = a_pod(
        containers=[a_container("a", ports=[{"containerPort": 1, "hostPort": 80}, {"containerPort": 2}])],
        spec={
            "initContainers": [
                a_container("s", sidecar=True, ports=[{"hostPort": 53, "protocol": "UDP", "hostIP": LOCAL}]),
                a_container("i", ports=[{"hostPort": 99}]),
            ]
        },
    )
    assert host_ports(pod.spec) == (HostPort(ANY, "TCP", 80), HostPort(LOCAL, "UDP", 53))


@given(st.lists(st.tuples(st.integers(0, 3), PORTS), max_size=12), PORTS)
def test_the_index_says_the_same_as_comparing_with_every_held_port(held, wanted):
    ports = PortsInUse()
    for row, port in held:
        ports.add(row, [port])
    expected = {row for row, port in held if port.conflicts(wanted)}
    assert ports.rows_in_conflict(wanted) == expected
    assert {row for row in range(4) if not ports.is_free(row, wanted)} == expected


@given(st.lists(st.tuples(st.integers(0, 3), PORTS), max_size=12), PORTS)
def test_a_port_held_twice_is_free_only_after_both_are_gone(held, wanted):
    ports = PortsInUse()
    for row, port in held:
        ports.add(row, [port])
    for gone, (row, port) in enumerate(held, start=1):
        ports.remove(row, [port])
        assert ports.rows_in_conflict(wanted) == {r for r, p in held[gone:] if p.conflicts(wanted)}
