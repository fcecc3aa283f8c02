"""Workload files: what they become, and what is wrong with those that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import workloads
from bench.workloads import Churn, CreateNodes, InvalidWorkload, MeasurePods
from scheduler.commands.snapshot import make_cache


@pytest.mark.parametrize("name", workloads.names())
def test_every_workload_has_steps_whose_objects_a_cluster_could_hold(name):
    workload = workloads.load(name)
    for params in workload.sizes:
        steps = workload.steps(params)
        assert any(isinstance(step.op, MeasurePods) and step.count for step in steps)
        objects = [step.template.make(step.first, 0) for step in steps if step.template.kind]
        make_cache(objects, ())


@pytest.mark.parametrize("name", workloads.names())
def test_every_workload_comes_in_the_sizes_of_the_growth_curve(name):
    assert {100, 1_000, 5_000, 15_000, 100_000} <= {size["nodes"] for size in workloads.load(name).sizes}


def test_nodes_take_turns_and_no_two_objects_of_a_kind_have_one_name():
    workload = workloads.load("node-affinity")
    steps = workload.steps(workload.size(100))
    nodes = [json.loads(text) for step in steps if isinstance(step.op, CreateNodes) for text in step.objects()]
    assert len({node["metadata"]["name"] for node in nodes}) == 100
    assert [node["metadata"]["labels"]["kubernetes.io/os"] for node in nodes[:5]] == ["linux"] * 4 + ["windows"]
    assert [bool(node["spec"]) for node in nodes] == [False] * 88 + [True] * 12
    assert len(nodes[0]["status"]["images"]) == 50


def test_a_placeholder_that_is_a_whole_string_becomes_the_value_itself():
    workload = workloads.load("mixed")
    steps = workload.steps(workload.size(100) | {"registry": "127.0.0.1:5000"})
    measured = next(step for step in steps if isinstance(step.op, MeasurePods))
    pods = [json.loads(text) for text in list(measured.objects())[:10]]
    assert [len(pod["spec"]["topologySpreadConstraints"]) for pod in pods] == [0, 0, 0, 0, 0, 0, 1, 2, 0, 0]
    assert pods[0]["metadata"]["name"] == "app-0-400"
    assert pods[9]["spec"]["containers"][0]["image"] == "127.0.0.1:5000/app-9:1"
    assert workload.platforms_of("app-0") == ("linux/amd64",)
    assert workload.platforms_of("app-9") == ("linux/amd64", "linux/arm64")


def test_churn_has_no_count_and_leaves_the_numbers_to_others():
    steps = workloads.load("churn").steps({"nodes": 10, "placed": 20, "measured": 5})
    assert [step.count for step in steps if isinstance(step.op, Churn)] == [0, 0, 0]
    assert [step.first for step in steps if isinstance(step.op, MeasurePods)] == [20]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: other\ntitle: t\nsizes: [{nodes: 1}]\nops: []", "its name is other"),
        ("name: it\ntitle: t\nsizes: [{pods: 1}]\nops: []", "how many nodes"),
        ("name: it\ntitle: t\nsizes: []\nops: []", "how many nodes"),
        ("name: it\ntitle: t\nsizes: [{nodes: 1}]\nops: [{op: createNode}]", "Invalid value 'createNode'"),
        ("name: it\ntitle: t\nsizes: [{nodes: 1}]\nops: []\nspeed: 1", "unknown field `speed`"),
        ("name: [", "it.yaml: while parsing"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_what_is_wrong(text, problem, monkeypatch, tmp_path):
    monkeypatch.setattr(workloads, "FOLDER", tmp_path)
    Path(tmp_path, "it.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidWorkload, match=problem):
        workloads.load("it")


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        ("{op: createNodes, count: $some, template: node.yaml}", r"\$some is no parameter"),
        ("{op: createNodes, template: no.yaml}", "no.yaml"),
        ("{op: createNodes, template: node.yaml, patch: {spec: {podCIDR: '${cidr}'}}}", "cidr in node.yaml"),
    ],
)
def test_an_operation_that_cannot_be_carried_out_says_what_is_missing(operation, problem, monkeypatch, tmp_path):
    templates = Path(tmp_path, "templates")
    templates.mkdir()
    text = Path(workloads.FOLDER, "templates", "node.yaml").read_text(encoding="utf-8")
    Path(templates, "node.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(workloads, "FOLDER", tmp_path)
    Path(tmp_path, "it.yaml").write_text(
        f"name: it\ntitle: t\nsizes: [{{nodes: 1}}]\nops: [{operation}]", encoding="utf-8"
    )
    with pytest.raises(InvalidWorkload, match=problem):
        workloads.load("it").steps({"nodes": 1})
