"""The answers of the real kube-scheduler 1.37.2 (tests/cases/oracle), field by field: ours are the same."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from scheduler.commands.evaluate import make_evaluator

FILES = sorted((Path(__file__).parents[1] / "cases" / "oracle").rglob("*.jsonl.gz"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_the_answers_are_those_of_kube_scheduler(path):
    evaluator = make_evaluator(None, None)
    cases = 0
    with gzip.open(path) as lines:
        for record in map(json.loads, lines):
            if "case" in record:  # the first line may be a header
                found = evaluator.answer(json.dumps(record["case"]).encode())
                assert json.loads(msgspec.json.encode(found)) == record["want"], record["case"]["id"]
                cases += 1
    assert cases
