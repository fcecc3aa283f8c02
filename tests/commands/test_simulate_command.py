"""``simulate`` as a user runs it: tables, JSON, exit codes, and what it says of input that makes no sense."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
import yaml
from rich.console import Console

from scheduler.commands.simulate import Question, simulate
from scheduler.commands.simulation.report import MOST_ROWS, print_tables
from scheduler.commands.snapshot import InvalidObject
from tests.builders import a_node, a_pod
from tests.commands.simulated import a_wanted_pod, a_workload, an_object, nodes, simulated


def run(*arguments, **more):
    command = [sys.executable, "-m", "scheduler", "simulate", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, **more)


@pytest.fixture
def files(tmp_path):
    simulated(tmp_path, nodes(a_node("a")), [a_workload("Deployment", replicas=5)])
    return tmp_path / "cluster.json", tmp_path / "workloads.yaml"


def test_the_command_prints_tables_and_its_exit_code_tells_whether_all_was_placed(files):
    cluster, wanted = files
    done = run(cluster, "-f", wanted)
    assert done.returncode == 3
    assert "5 pods on 1 node: 4 placed, 1 not placed" in done.stdout
    assert "Deployment shop/web" in done.stdout
    assert "0% -> 100%" in done.stdout
    assert "0 -> 4 of 4" in done.stdout
    assert "Insufficient cpu" in done.stdout
    assert done.stderr == ""
    assert run(cluster).returncode == 0


def test_the_wide_table_names_every_pod(files):
    cluster, wanted = files
    done = run(cluster, "-f", wanted, "-o", "wide")
    assert done.stdout.count("shop/web-") >= 4


def test_json_is_for_programs(files):
    cluster, wanted = files
    done = run(cluster, "-f", "-", "-o", "json", input=wanted.read_text())
    found = json.loads(done.stdout)
    assert [len(found["placements"]), found["unplaced"][0]["count"]] == [4, 1]
    assert found["utilisation"][0]["resources"]["cpu"] == {"allocatable": 4000, "before": 0, "after": 4000}


def test_what_cannot_be_read_ends_the_command_with_its_place(files):
    cluster, wanted = files
    wanted.write_text(wanted.read_text().replace("cpu: '1'", "cpu: much"))
    done = run(cluster, "-f", wanted)
    assert done.returncode == 1
    assert done.stdout == ""
    place = "document 1 (Deployment): spec.template.spec.containers[0].resources.requests.cpu"
    assert done.stderr == f"Error: {wanted}: {place}: 'much' is not a resource quantity\n"


def test_long_tables_end_with_how_much_is_missing(tmp_path):
    wanted = [a_wanted_pod(f"p{i}", "10m") for i in range(MOST_ROWS + 2)]
    outcome = simulated(tmp_path, nodes(a_node("a")), wanted)
    shown = io.StringIO()
    print_tables(Console(file=shown, width=100), outcome, wide=False)
    assert "and 2 rows more; -o wide lists every pod" in shown.getvalue()
    assert f"Pod default/p{MOST_ROWS + 1}" not in shown.getvalue()


def test_the_work_is_told_step_by_step(tmp_path):
    steps = []
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text(yaml.safe_dump_all([*nodes(a_node("a")), a_wanted_pod("p"), a_wanted_pod("q", "9")]))
    simulate(Question([str(cluster)]), lambda *step: steps.append(step))
    assert steps == [("reading the snapshot", i, 3) for i in (1, 2, 3)] + [("deciding", i, 2) for i in (1, 2)]


ODD_OBJECTS = [
    ({"kind": "PersistentVolumeClaim", "metadata": "x"}, "(PersistentVolumeClaim): metadata: Expected"),
    (
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "x"}, "spec": 3},
        "(PersistentVolumeClaim): spec: Expected",
    ),
    ({"kind": "Service", "metadata": {}}, "(Service): metadata: Object missing required field `name`"),
    (
        {"kind": "Node", "metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "x"}}},
        "(Node): status.allocatable.cpu",
    ),
    ({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": 3}}, "(Pod): spec.nodeName: Expected"),
    (an_object("Pod", a_pod(requests={"cpu": "x"})), "(Pod): spec.containers[0].resources.requests.cpu: 'x'"),
]


@pytest.mark.parametrize(("odd", "message"), ODD_OBJECTS, ids=[message for _, message in ODD_OBJECTS])
@pytest.mark.parametrize("wanted", [False, True], ids=["in the snapshot", "among the workloads"])
def test_an_object_that_makes_no_sense_is_named_by_file_document_and_field(tmp_path, odd, message, wanted):
    files = ([], [odd]) if wanted else ([odd], [])
    place = "workloads.yaml: document 1" if wanted else "cluster.json: document 1, items[0]"
    with pytest.raises(InvalidObject) as failure:
        simulated(tmp_path, *files)
    assert str(failure.value).startswith(f"{tmp_path}/{place} {message}")


def test_names_are_printed_as_they_are(tmp_path):
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text(yaml.safe_dump_all([*nodes(a_node("[/red]")), a_wanted_pod("[bold]p")]))
    done = run(cluster)
    assert done.returncode == 0, done.stderr
    assert "[bold]p" in done.stdout
    assert "[/red]" in done.stdout
