"""Cases in, answers out: their form, what a bad line costs, which profile decides. What they say, the oracle tells."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from scheduler.commands.evaluate import Evaluator, InvalidImages, make_evaluator, read_images
from scheduler.plugins.catalogue import upstream_profile
from tests.builders import a_node, a_pod, required

RECORDED = Path(__file__).parents[1] / "cases" / "oracle" / "cases-resources.jsonl.gz"
HEAD = "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration, profiles: %s}"


def a_document(kind, built):
    return {"kind": kind, **msgspec.to_builtins(built)}


def a_line(pod, *nodes, pods=(), **more):
    objects = [a_document("Node", node) for node in nodes] + [a_document("Pod", placed) for placed in pods]
    return json.dumps({"id": "x", "objects": objects, "pod": a_document("Pod", pod), **more}).encode()


def answer(line, configuration=None, images=None):
    return json.loads(msgspec.json.encode(make_evaluator(configuration, images).answer(line)))


def test_an_answer_says_what_each_node_is_worth():
    found = answer(
        a_line(a_pod(requests={"cpu": "1"}), a_node("a", cpu="4"), a_node("b", cpu="8"), a_node("c", cpu="0"))
    )
    assert found["id"] == "x"
    assert found["prefilter"] is None
    assert found["nodes"]["a"] == {"code": "Success"}
    assert found["nodes"]["c"] == {
        "code": "UnschedulableAndUnresolvable",
        "plugin": "NodeResourcesFit",
        "reasons": ["Insufficient cpu"],
    }
    assert list(found["scores"]) == ["a", "b"]
    assert found["scores"]["b"]["total"] == sum(found["scores"]["b"]["plugins"].values())
    assert found["hosts"] == ["b"]


def test_all_nodes_that_are_best_may_be_chosen():
    assert answer(a_line(a_pod(), a_node("b"), a_node("a")))["hosts"] == ["a", "b"]


def test_what_keeps_a_pod_from_the_queue_is_told_and_the_nodes_all_the_same():
    found = answer(a_line(a_pod(spec={"schedulingGates": [{"name": "g"}, {"name": "h"}]}), a_node("a")))
    assert found["preenqueue"]["reasons"] == ["waiting for scheduling gates: [g h]"]
    assert found["hosts"] == ["a"]


def test_nodes_that_are_left_out_early_carry_what_filters_would_have_said():
    only = required({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]})
    found = answer(a_line(a_pod(node_affinity=only), a_node("a"), a_node("b"), a_node("c", unschedulable=True)))
    assert found["prefilter_nodes"] == ["a"]
    assert "plugin" not in found["nodes"]["b"]
    assert [found["nodes"][name]["filter"]["plugin"] for name in "bc"] == ["NodeAffinity", "NodeUnschedulable"]


def test_a_pod_that_is_rejected_as_a_whole_is_rejected_by_every_node():
    terms = [{"key": "metadata.name", "operator": "In", "values": [name]} for name in "ab"]
    found = answer(a_line(a_pod(node_affinity=required({"matchFields": terms})), a_node("a"), a_node("b")))
    assert found["prefilter"]["reasons"] == ["pod affinity terms conflict"]
    assert found["nodes"] == {"a": found["prefilter"], "b": found["prefilter"]}
    assert found["fit_error"] == "0/2 nodes are available: pod affinity terms conflict."


POD = {"metadata": {"name": "p"}}
GREEDY = {**POD, "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "much"}}}]}}
ODD_NODE = {"kind": "Node", "metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "x"}}}
BAD_LINES = [
    ('{"id": "broken", "objects": [', "broken", "the line is not JSON"),
    ('{"objects": []', None, "the line is not JSON"),
    ({"id": 12, "objects": {}, "pod": POD}, 12, "the case cannot be read: Expected `array`, got `object`"),
    ({"id": "no pod"}, "no pod", "the case cannot be read: Object missing required field `pod`"),
    ({"id": "p", "pod": {"spec": {}}}, "p", "the case cannot be read: Object missing required field `metadata`"),
    ([], None, "the case cannot be read: Expected `object`, got `array`"),
    ({"id": "o", "objects": [3], "pod": POD}, "o", "objects[0]: Expected `object`"),
    ({"id": "n", "objects": [{"kind": "Node"}], "pod": POD}, "n", "objects[0] (Node): Object missing required field"),
    ({"id": "q", "objects": [ODD_NODE], "pod": POD}, "q", "objects[0] (Node): "),
    ({"id": "r", "pod": GREEDY}, "r", "pod: "),
    ('{"id": "u", "pod": {"metadata": {"name": "\udcff"}}}', "u", "pod: 'utf-8' codec can't decode"),
]


@pytest.mark.parametrize(("line", "identity", "error"), BAD_LINES)
def test_a_bad_line_is_answered_with_its_id_and_what_is_wrong(line, identity, error):
    text = line if isinstance(line, str) else json.dumps(line)
    found = answer(text.encode(errors="surrogateescape"))
    assert set(found) == {"id", "error"}
    assert found["id"] == identity
    assert found["error"].startswith(error)


def test_a_line_that_is_nested_without_end_costs_itself_only():
    found = answer(b'{"id": "deep", "pod": ' + b"[" * 100_000)
    assert found["id"] == "deep"
    assert found["error"]


def test_answers_stand_in_the_order_of_the_lines_and_a_bad_one_costs_itself_only():
    lines = [a_line(a_pod(), a_node(), id=1), b"no case", b"\n", a_line(a_pod(), a_node(), id=3)]
    found = [json.loads(text) for text in make_evaluator(None, None).answer_all(lines)]
    assert [each["id"] for each in found] == [1, None, 3]
    assert [bool(each.get("hosts")) for each in found] == [True, False, True]


def test_a_cluster_without_nodes_is_said_to_have_none():
    found = answer(a_line(a_pod()))
    assert (found["nodes"], found["hosts"]) == ({}, [])
    assert found["fit_error"] == "no nodes available to schedule pods"


# Images


def test_images_are_looked_at_only_if_a_file_says_what_they_are_built_for(tmp_path):
    nodes = [a_node("x86"), a_node("arm", architecture="arm64")]
    images = tmp_path / "images.yaml"
    images.write_text("app:1: [linux/arm64]\n")
    line = a_line(a_pod(image="app:1"), *nodes)
    assert answer(line)["hosts"] == ["arm", "x86"]
    found = answer(line, images=images)
    assert found["hosts"] == ["arm"]
    assert found["nodes"]["x86"]["plugin"] == "ImagePlatform"
    unlisted = answer(a_line(a_pod(image="other:1"), *nodes), images=images)
    assert unlisted["hosts"] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("app:1: linux/amd64\n", "Expected `array`"), ("app:1: [amd64]\n", "app:1: "), ("a: [\n", "while parsing")],
)
def test_a_file_of_images_that_makes_no_sense_is_named(tmp_path, text, message):
    images = tmp_path / "images.yaml"
    images.write_text(text)
    with pytest.raises(InvalidImages) as failure:
        read_images(images)
    assert str(failure.value).startswith(f"{images}: {message}")


# Profiles


def test_a_configuration_decides(tmp_path):
    configuration = tmp_path / "configuration.yaml"
    fit = "{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}"
    configuration.write_text(HEAD % f"[{{pluginConfig: [{fit}]}}]")
    line = a_line(a_pod(requests={"cpu": "1"}), a_node("small", cpu="4"), a_node("big", cpu="8"))
    assert answer(line)["hosts"] == ["big"]
    assert answer(line, configuration)["hosts"] == ["small"]


def test_among_several_profiles_the_one_that_the_pod_names_decides(tmp_path):
    configuration = tmp_path / "configuration.yaml"
    blind = "{multiPoint: {disabled: [{name: NodeUnschedulable}]}}"
    configuration.write_text(HEAD % f"[{{schedulerName: a}}, {{schedulerName: b, plugins: {blind}}}]")
    cordoned = a_node(unschedulable=True)
    hosts = {name: answer(a_line(a_pod(spec={"schedulerName": name}), cordoned), configuration) for name in "abc"}
    assert (hosts["a"]["hosts"], hosts["b"]["hosts"]) == ([], ["node"])
    assert hosts["c"]["error"] == "pod: spec.schedulerName: no profile is called 'c'"


# As a command


def test_the_command_answers_each_line_as_it_comes():
    command = [sys.executable, "-m", "scheduler", "evaluate"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for number in range(2):
            process.stdin.write(a_line(a_pod(), a_node(), id=number) + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_a_wrong_configuration_ends_the_command_before_the_first_case(tmp_path):
    configuration = tmp_path / "configuration.yaml"
    configuration.write_text(HEAD % "[{plugins: {filter: {enabled: [{name: Nonsense}]}}}]")
    done = subprocess.run(
        [sys.executable, "-m", "scheduler", "evaluate", "--config", configuration],
        check=False,
        capture_output=True,
        input=b"",
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"profiles[0].plugins.filter.enabled[0].name: there is no plugin 'Nonsense'" in done.stderr


def test_two_hundred_cases_take_less_than_a_second():
    with gzip.open(RECORDED) as file:
        lines = [json.dumps(json.loads(line)["case"]).encode() for line in file]
    evaluator = Evaluator([upstream_profile("default-scheduler")])
    evaluator.answer(lines[0])
    start = time.process_time()
    answered = [evaluator.answer(line) for line in lines]
    each = (time.process_time() - start) / len(answered)
    assert each < 1 / 200
