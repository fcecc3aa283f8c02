"""The benchmark runs, and the core keeps its promise of speed with room to spare."""

import io

import pytest
from rich.console import Console

from bench import core


@pytest.mark.parametrize("workload", core.WORKLOADS)
def test_a_workload_is_measured_on_a_small_cluster(workload):
    measured = workload(20)
    assert measured.nodes == 20
    assert measured.decisions > 0
    assert measured.microseconds > 0


def test_the_tables_can_be_read():
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as printed:
        console.print(core.memory_table(20, 40), core.speed_table([10]))
    text = printed.get()
    assert "20 nodes" in text
    assert "simple pods, one class" in text


def test_a_decision_for_a_known_class_among_5000_nodes_takes_less_than_100_microseconds():
    """On an idle core it takes about 11; CPU time is measured, so other processes cost little of the margin."""
    assert core.one_class(5_000).microseconds < 100


def test_a_decision_about_other_pods_among_5000_nodes_takes_less_than_a_millisecond(monkeypatch):
    """It takes about a tenth of that."""
    monkeypatch.setattr(core, "MOST_RELATED", 500)
    assert core.spread(5_000).microseconds < 1_000
