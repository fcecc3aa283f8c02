"""Rows of the node table: handed out, reused, and logged when something changed."""

import pytest

from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.columns import HASH_MASK, MIN_CAPACITY
from scheduler.cluster.node_table import NodeTable, name_hash
from scheduler.cluster.ports import ANY_ADDRESS, HostPort
from scheduler.cluster.requests import PodRequests
from scheduler.cluster.resources import CPU_COLUMN, MEMORY_COLUMN, PODS_COLUMN
from tests.builders import a_node, a_taint

PORT = (HostPort(ANY_ADDRESS, "TCP", 80),)


def changed(table, act):
    """The rows whose facts and counters ``act`` touched."""
    facts, counters = table.facts.sequence, table.counters.sequence
    act()
    return table.facts.since(facts).tolist(), table.counters.since(counters).tolist()


def test_a_node_is_one_row_of_every_column():
    table = NodeTable()
    row = table.put(a_node("a", cpu="2", memory="1Ki", unschedulable=True, taints=[a_taint("t")], architecture="arm64"))
    assert table.row_of("a") == row
    assert table.name(row) == "a"
    assert table.live[row]
    assert table.unschedulable[row]
    assert [taint.key for taint in table.taint_sets.value(table.taints[row])] == ["t"]
    assert table.platform_values.value(table.platforms[row]).architecture == "arm64"
    assert table.resources.allocatable[CPU_COLUMN][row] == 2000
    assert table.resources.allocatable[MEMORY_COLUMN][row] == 1024
    assert table.name_hash[row] == name_hash("a")
    assert len(table) == 1


def test_a_row_is_reused_clean_after_its_node_has_gone():
    table = NodeTable()
    table.put(a_node("a"))
    row = table.put(a_node("b", unschedulable=True, allocatable={"example.com/gpu": "3"}))
    table.place(row, PodRequests({"cpu": 500}, 500, 1), ())
    table.drop("b")
    assert table.row_of("b") is None
    assert not table.live[row]
    with pytest.raises(IndexError, match="holds no node"):
        table.node(row)
    assert table.put(a_node("c")) == row
    assert table.size == 2
    assert not table.unschedulable[row]
    assert table.resources.allocatable[table.resources.column("example.com/gpu")][row] == 0
    assert [column[row] for column in (*table.resources.requested, *table.resources.scored)] == [0] * 10


def test_columns_double_when_all_rows_are_taken():
    table = NodeTable()
    rows = [table.put(a_node(f"n{number}", cpu=str(number))) for number in range(MIN_CAPACITY + 1)]
    assert table.capacity == 2 * MIN_CAPACITY
    assert rows == list(range(MIN_CAPACITY + 1))
    assert table.resources.allocatable[CPU_COLUMN][rows].tolist() == [1000 * number for number in rows]
    assert [table.name(row) for row in rows] == [f"n{number}" for number in rows]


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu": "8"},
        {"labels": {"disk": "ssd"}},
        {"taints": [a_taint("t")]},
        {"unschedulable": True},
        {"architecture": "arm64"},
        {"images": {"app:1": 5}},
        {"allocatable": {"example.com/gpu": "1"}},
    ],
)
def test_a_changed_fact_is_logged_once_and_a_heartbeat_is_not(changes):
    table = NodeTable()
    row = table.put(a_node("a"))
    assert changed(table, lambda: table.put(a_node("a"))) == ([], [])
    assert changed(table, lambda: table.put(a_node("a", **changes))) == ([row], [])
    assert changed(table, lambda: table.put(a_node("a", **changes))) == ([], [])


def test_placing_and_displacing_cancel_out_and_are_logged_as_counters():
    table = NodeTable()
    row = table.put(a_node("a", allocatable={"example.com/gpu": "3"}))
    requests = PodRequests({"cpu": 500, "example.com/gpu": 1}, 500, 7)
    assert changed(table, lambda: table.place(row, requests, PORT)) == ([], [row])
    assert table.resources.requested[CPU_COLUMN][row] == 500
    assert table.resources.requested[PODS_COLUMN][row] == 1
    assert table.resources.scored[MEMORY_COLUMN][row] == 7
    assert table.resources.requested[table.resources.column("example.com/gpu")][row] == 1
    assert not table.ports.is_free(row, PORT[0])
    assert changed(table, lambda: table.displace(row, requests, PORT)) == ([], [row])
    assert all(column[row] == 0 for column in (*table.resources.requested, *table.resources.scored))
    assert table.ports.is_free(row, PORT[0])


def test_a_new_resource_does_not_disturb_what_was_counted_before():
    table = NodeTable()
    row = table.put(a_node("a"))
    requests = PodRequests({"cpu": 500}, 500, 7)
    table.place(row, requests, ())
    table.put(a_node("b", allocatable={"example.com/gpu": "1"}))
    table.place(row, requests, ())
    table.displace(row, requests, ())
    assert table.resources.requested[CPU_COLUMN][row] == 500
    assert table.resources.scored[MEMORY_COLUMN][row] == 7


def test_a_node_with_a_broken_quantity_changes_nothing():
    table = NodeTable()
    row = table.put(a_node("a", cpu="2"))
    for name in ("a", "b"):
        with pytest.raises(InvalidQuantity, match="'lots'"):
            table.put(a_node(name, cpu="lots", unschedulable=True))
    assert table.row_of("b") is None
    assert table.resources.allocatable[CPU_COLUMN][row] == 2000
    assert not table.unschedulable[row]
    assert table.put(a_node("c")) == 1


def test_a_dropped_node_is_unknown_to_a_second_drop():
    table = NodeTable()
    table.put(a_node("a"))
    table.drop("a")
    with pytest.raises(KeyError):
        table.drop("a")


def test_image_names_are_not_kept_twice():
    table = NodeTable()
    row = table.put(a_node("a", images={"app:1": 5}))
    assert table.node(row).status.images == []
    assert table.images.get("app:1").rows().tolist() == [row]


def test_a_hash_of_a_name_is_stable_and_fits_the_column():
    assert name_hash("node-1") == 0x55BCA4EB29
    assert 0 <= name_hash("") <= HASH_MASK
