"""Sums per domain after every kind of change: the histories at random are in ``framework/test_evaluation``."""

import weakref

import numpy as np
import pytest

from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.requests import PodRequests
from scheduler.cluster.selection.domains import FEW_ROWS, DomainCounts
from scheduler.cluster.selection.tally import Tally
from tests.builders import a_node

NOTHING = PodRequests({}, 0, 0)


def zone(number):
    return {"zone": "ab"[number % 2]} if number % 5 else {}


@pytest.fixture
def table():
    table = NodeTable()
    for number in range(60):
        table.put(a_node(f"n{number}", labels=zone(number)))
    return table


def place(table, tally, row, pods=1):
    table.place(row, NOTHING, ())
    tally.add(row, pods)


def sums(counts, table):
    column = table.labels.column("zone")
    return {value: int(counts.sums[column.values.id_of(value)]) for value in "ab"}


def test_sums_are_shared_while_somebody_holds_them_and_go_with_the_last(table):
    tally = Tally()
    counts = tally.by("zone", table)
    assert tally.by("zone", table) is counts
    gone = weakref.ref(counts)
    del counts
    assert gone() is None
    assert tally.by("zone", table).refresh()


@pytest.mark.parametrize("changes", [1, 3, FEW_ROWS + 1, 200])
def test_placements_are_added_to_their_domains(table, changes):
    tally = Tally()
    counts = DomainCounts("zone", tally, table)
    counts.refresh()
    for number in range(changes):
        place(table, tally, number % 60)
    assert counts.refresh()
    assert not counts.refresh()
    rows = [number % 60 for number in range(changes)]
    assert sums(counts, table) == {value: sum(zone(row).get("zone") == value for row in rows) for value in "ab"}
    assert counts.sums[-1] == 0
    assert (counts.domain[::5] == -1).all()


def test_rows_that_are_left_out_do_not_count_but_have_a_domain(table):
    tally = Tally()
    for row in range(60):
        place(table, tally, row)
    included = np.zeros(60, dtype=np.bool_)
    included[:10] = True
    counts = DomainCounts("zone", tally, table)
    counts.refresh(included)
    assert sums(counts, table) == {"a": 4, "b": 4}
    assert int(counts.members.sum()) == 8
    assert counts.domain[11] >= 0


def test_a_node_takes_its_pods_along_into_another_domain(table):
    tally = Tally()
    counts = DomainCounts("zone", tally, table)
    place(table, tally, 1, 3)
    counts.refresh()
    assert sums(counts, table) == {"a": 0, "b": 3}
    table.put(a_node("n1", labels={"zone": "a"}))
    counts.refresh()
    assert sums(counts, table) == {"a": 3, "b": 0}
    table.put(a_node("n1", labels={"zone": "new"}))
    counts.refresh()
    assert counts.sums[table.labels.column("zone").values.id_of("new")] == 3


def test_a_label_that_no_node_has_has_no_domain():
    table, tally = NodeTable(), Tally()
    row = table.put(a_node("n"))
    place(table, tally, row)
    counts = DomainCounts("zone", tally, table)
    counts.refresh()
    assert counts.sums.tolist() == [0]
    assert counts.domain.tolist() == [-1]
    table.put(a_node("n", labels={"zone": "a"}))
    counts.refresh()
    assert int(counts.sums.sum()) == 1
