"""The parts of the end-to-end benchmark that need no control plane: its journal, its workloads, its tables."""

from __future__ import annotations

import json

import pytest

from bench.e2e import report
from bench.e2e.course import make_course
from bench.e2e.journal import Journal
from bench.e2e.measuring import Burst, Steady
from bench.e2e.usage import Resident
from scheduler.sandbox.registry import SandboxRegistry


def entry(resource, name, second, subresource="", code=201):
    reference = {"resource": resource, "name": name, "subresource": subresource}
    stamp = f"2026-11-24T10:00:{second:09.6f}Z"
    return json.dumps({"objectRef": reference, "responseStatus": {"code": code}, "stageTimestamp": stamp}) + "\n"


def test_the_journal_tells_when_pods_were_created_and_bound(tmp_path):
    path = tmp_path / "journal.log"
    path.write_text(entry("pods", "a", 1.0) + entry("pods", "b", 2.0) + entry("pods", "c", 2.5, code=409))
    journal = Journal(path)
    journal.read()
    assert list(journal.created) == ["a", "b"]
    whole, half = entry("pods", "a", 1.5, "binding"), entry("pods", "b", 4.0, "binding")
    with path.open("a") as log:
        log.write(whole + half[:20])
    journal.read()
    assert list(journal.bound) == ["a"]
    with path.open("a") as log:
        log.write(half[20:] + entry("pods", "a", 5.0, "binding", code=409) + entry("events", "e", 5.0))
    journal.read()
    assert journal.latencies() == pytest.approx([0.5, 2.0])
    assert journal.seconds_of_binding() == pytest.approx(2.5)
    assert (journal.refused, journal.events) == (1, 1)
    journal.clear()
    assert (journal.bound, journal.events) == ({}, 0)


async def test_a_workload_file_becomes_pods_for_a_contender_and_images_in_the_registry():
    registry = SandboxRegistry()
    await registry.start()
    try:
        course = make_course("node-affinity", registry, 100, {"measured": 7})
        pods = [json.loads(pod) for pod in course.measured("default-scheduler")]
        nodes = sum(len(list(objects)) for path, objects in course.furniture() if path == "/api/v1/nodes")
    finally:
        await registry.stop()
    assert (len(pods), nodes) == (7, 100)
    assert {pod["spec"]["schedulerName"] for pod in pods} == {"default-scheduler"}
    assert all(pod["spec"]["containers"][0]["image"].startswith(registry.address) for pod in pods)
    assert {f"app-{number}" for number in range(7)} <= course.repositories()


def a_burst(seconds, cpu):
    return Burst(101, seconds, cpu * 3, cpu, cpu, cpu, 0.0, 101, Resident(100.0, 120.0))


def test_tables_show_medians_and_what_we_are_to_the_other():
    found = {
        "simple": {
            "them": [a_burst(10.0, 0.006), a_burst(2.0, 0.003), a_burst(1.0, 0.003)],
            "us": [a_burst(0.5, 0.0005)] * 3,
        }
    }
    header, _, them, us = report.burst_table(found, "us", "them").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, them, us)]
    by_name = {name: (theirs, ours) for name, theirs, ours in zip(*cells, strict=True) if name != "ratio"}
    assert by_name["pods/s"] == ("50", "200")
    assert by_name["CPU ms"] == ("3.00", "0.50")
    assert [ours for name, ours in zip(cells[0], cells[2], strict=True) if name == "ratio"] == [
        "**4.0 x**",
        "**6.0 x**",
        "**0.17**",
    ]


def test_percentiles_are_of_the_pods():
    times = Steady([number / 1000 for number in range(1, 101)], 0.0)
    assert [round(times.percentile(percent) * 1000) for percent in (50, 99, 100)] == [51, 100, 100]


def test_a_document_keeps_all_but_the_tables(tmp_path):
    document = tmp_path / "page.md"
    document.write_text(f"before\n{report.START}\nold\n{report.END}\nafter\n")
    report.put("new", document)
    report.put("newer", document)
    assert document.read_text() == f"before\n{report.START}\nnewer\n{report.END}\nafter\n"
    document.write_text("nothing")
    with pytest.raises(ValueError, match="no place"):
        report.put("new", document)
