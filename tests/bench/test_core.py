"""Workloads run on the core, the core keeps its promises with room to spare, and reports show what there is."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from bench import growth, memory, report, workloads
from bench.report import Figure
from bench.runner import CoreRunner, WrongOutcome
from tests.bench.pictures import lines_of


def run(name, nodes=100, **params):
    workload = workloads.load(name)
    return CoreRunner(workload).run(workload.size(nodes) | params)


@pytest.mark.parametrize("name", workloads.names())
def test_a_workload_is_measured_on_a_small_cluster(name):
    measured = run(name, measured=30)
    assert (measured.workload, measured.nodes, measured.decisions) == (name, 100, 30)
    assert measured.per_second > 0


def test_churn_takes_pods_away_and_lets_nodes_come_and_go():
    workload = workloads.load("churn")
    runner = CoreRunner(workload)
    runner.run({"nodes": 10, "placed": 50, "measured": 400})
    others = sum(uid.startswith("default/other-") for uid, _ in runner.cache)
    assert others == 40, "one for every ten pods"
    assert len(runner.cache) == 50 + 400 - 40 + others, "and one of ours less for every ten"
    assert sorted(node.name for _, node in runner.cache.nodes if node.name.startswith("passing")) == ["passing-11"]


def test_a_pod_that_must_find_a_node_and_finds_none_is_named():
    with pytest.raises(WrongOutcome, match=r"default/app-0-880 found no node: .* 8 Too many pods"):
        CoreRunner(workloads.load("simple")).run({"nodes": 10, "known": 0, "measured": 2_000})


def test_a_pod_that_must_find_no_node_and_finds_one_is_named(monkeypatch):
    workload = workloads.load("unschedulable")
    monkeypatch.setitem(workload.ops[-1].patch, "spec", {})
    with pytest.raises(WrongOutcome, match="default/app-0-0 found a node"):
        CoreRunner(workload).run(workload.size(100))


def test_a_decision_for_a_known_class_among_5000_nodes_takes_less_than_100_microseconds():
    """On an idle core it takes about 12; CPU time is measured, so other processes cost little of the margin."""
    assert run("simple", 5_000).per_second > 10_000


def test_a_decision_about_other_pods_among_5000_nodes_takes_less_than_a_millisecond():
    """It takes about a tenth of that."""
    assert run("topology-spread", 5_000, measured=500).per_second > 1_000


def some_figures():
    return [
        Figure(workload.title, workload.wanted, nodes, [1e7 / nodes, 3e7 / nodes, 2e7 / nodes])
        for workload in map(workloads.load, workloads.names())
        for nodes in (100, 5_000, 100_000)
    ]


USED = memory.Memory(10, 2, 20, 40_000_000, 30_000, 200_000, 40_000)


def test_the_tables_can_be_read():
    console = Console(file=io.StringIO(), width=140)
    with console.capture() as printed:
        console.print(report.memory_table(USED), report.speed_table(some_figures()))
    text = printed.get()
    assert re.search(r"10 nodes .* 0 .* 3\.0", text)
    assert re.search(r"simple pods, one class .* 5,000 .* 4,000 .* 250\.0 .* 6,000 .* 50,000", text)


def test_memory_is_told_apart_by_what_takes_it():
    used = memory.measure(nodes=50, classes=5, pods=100)
    assert (used.nodes, used.classes, used.pods) == (50, 5, 100)
    assert used.in_all >= used.at_start > 0


def test_the_section_replaces_only_what_is_between_its_marks(tmp_path):
    document = Path(tmp_path, "benchmarks.md")
    document.write_text(f"before\n\n{report.START}\n\nold\n\n{report.END}\n\nafter\n", encoding="utf-8")
    report.write(
        document, report.section(some_figures(), [Figure("alone", 7, 5_000, [1.0, 4.0, 9.0])], USED, 3, "2 cores")
    )
    text = document.read_text(encoding="utf-8")
    assert text.startswith(
        f"before\n\n{report.START}\n\nDecisions a second by the number of nodes, medians of 3 rounds"
    )
    assert text.endswith(f"Machine: 2 cores.\n\n{report.END}\n\nafter\n")
    assert "| simple pods, one class | 200,000 | 4,000 | 200 |" in text
    assert "| simple pods, one class | 4,000 | 6,000 | 50,000 |" in text
    assert "| alone | 4 | 9 | 7 |" in text
    assert "old" not in text


def test_a_document_without_marks_is_left_alone(tmp_path):
    document = Path(tmp_path, "benchmarks.md")
    document.write_text("nothing here", encoding="utf-8")
    with pytest.raises(ValueError, match="the marks are missing"):
        report.write(document, "figures")
    assert document.read_text(encoding="utf-8") == "nothing here"


def test_the_picture_has_a_named_line_of_its_own_colour_for_every_workload_and_no_two_names_touch():
    picture = growth.picture(some_figures())
    lines = lines_of(picture)
    assert set(lines) == {workloads.load(name).title for name in workloads.names()}
    assert len({line.get("stroke") for line in lines.values()}) == len(lines)
    heights = sorted(float(y) for y in re.findall(r'<rect x="[\d.]+" y="([\d.]+)"', picture))
    assert all(after - before >= growth.LABEL_HEIGHT - 0.2 for before, after in pairwise(heights))
    assert heights[0] > 0
    assert heights[-1] < growth.HEIGHT


def test_a_workload_whose_rate_falls_with_the_nodes_falls_in_the_picture():
    line = next(iter(lines_of(growth.picture(some_figures())).values()))
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points)
