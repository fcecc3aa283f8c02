"""A derived column follows the columns that it comes from, whichever rows changed, and computes only what it must."""

import numpy as np
import pytest

from scheduler.cluster.columns import indexes
from scheduler.cluster.derived import FEW_ROWS, DerivedColumn
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.requests import PodRequests
from scheduler.cluster.resources import CPU_COLUMN
from tests.builders import a_node

CPU = PodRequests({"cpu": 500}, 500, 0)


class Doubled(DerivedColumn):
    """Twice the cpu that is taken; counts the rows it was asked about."""

    def __init__(self, table):
        self.many = self.single = 0
        super().__init__(table, self.of_rows, self.of_row)
        self.table = table

    def of_rows(self, rows):
        self.many += len(indexes(rows))
        return self.table.resources.requested[CPU_COLUMN][rows] * 2

    def of_row(self, row):
        self.single += 1
        return self.table.resources.requested[CPU_COLUMN].item(row) * 2


@pytest.fixture
def table():
    table = NodeTable()
    for number in range(70):
        table.put(a_node(f"n{number}"))
    return table


def expected(table):
    return (table.resources.requested[CPU_COLUMN][: table.size] * 2).tolist()


@pytest.mark.parametrize("placements", [0, 1, FEW_ROWS, FEW_ROWS + 1, 200])
def test_after_placements_it_is_as_if_computed_anew(table, placements):
    column = Doubled(table)
    column.values()
    for number in range(placements):
        table.place(number % table.size, CPU, ())
    assert column.values()[: table.size].tolist() == expected(table)
    assert column.single == (placements if placements <= FEW_ROWS else 0)


def test_without_a_change_nothing_is_computed(table):
    column = Doubled(table)
    column.values()
    column.values()
    assert (column.many, column.single) == (table.size, 0)


def test_a_table_that_grew_or_changed_is_computed_anew(table):
    column = Doubled(table)
    column.values()
    for number in range(100):
        table.put(a_node(f"more{number}"))
    table.place(150, CPU, ())
    assert column.values()[: table.size].tolist() == expected(table)
    assert np.count_nonzero(column.values()) == 1
