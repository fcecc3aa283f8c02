"""The oracle's driver, tried with programs that answer wrongly, late or never."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.oracle.oracle import Oracle, OracleFailed, Unanswered
from tests.oracle.recordings import Case

if TYPE_CHECKING:
    from pathlib import Path

_ECHO = """
import json, sys
for number, line in enumerate(sys.stdin):
    asked = json.loads(line)
    answer = {"id": asked["id"]}
    {{body}}
    print(json.dumps(answer), flush=True)
"""


def _program(folder: Path, body: str) -> Path:
    """A program that answers each line, after `body` has changed `answer`."""
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n" + _ECHO.replace("{{body}}", body))
    path.chmod(0o755)
    return path


def _case(name: str, *objects: str) -> Case:
    return Case(id=name, objects=[{"metadata": {"name": each}} for each in objects], pod={})


def test_answers_come_in_the_order_of_many_more_questions_than_are_in_flight(tmp_path: Path) -> None:
    names = [f"case-{number}" for number in range(200)]
    with Oracle(_program(tmp_path, 'answer["nodes"] = {}')) as oracle:
        answers = list(oracle.decide_all(_case(name) for name in names))
    assert [answer["id"] for answer in answers] == names


def test_a_refusal_is_raised_with_its_reason(tmp_path: Path) -> None:
    with (
        Oracle(_program(tmp_path, 'answer["error"] = "pod: it has no name"')) as oracle,
        pytest.raises(Unanswered, match="bad: pod: it has no name"),
    ):
        oracle.decide(_case("bad"))


def test_a_decision_is_settled_when_the_order_of_objects_does_not_change_it(tmp_path: Path) -> None:
    with Oracle(_program(tmp_path, 'answer["nodes"] = {}')) as oracle:
        assert oracle.settled(_case("same", "a", "b", "c", "d")) == {"id": "same", "nodes": {}}


@pytest.mark.parametrize(
    "body",
    [
        'answer["nodes"] = {}; answer["hosts"] = asked["objects"][0]["metadata"]["name"]',
        'answer.update({"nodes": {}} if number else {"error": "changes", "unstable": True})',
    ],
)
def test_a_decision_that_changes_is_not_settled(tmp_path: Path, body: str) -> None:
    with Oracle(_program(tmp_path, body)) as oracle:
        assert oracle.settled(_case("changing", "a", "b", "c", "d")) is None


def test_a_program_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with (
        Oracle(_program(tmp_path, 'sys.exit("out of memory")')) as oracle,
        pytest.raises(OracleFailed, match=r"ended before it answered case-1: out of memory"),
    ):
        oracle.decide(_case("case-1"))


def test_a_program_that_keeps_silent_is_not_waited_for_forever(tmp_path: Path) -> None:
    with (
        Oracle(_program(tmp_path, "import time; time.sleep(0.5)"), patience=0.05) as oracle,
        pytest.raises(OracleFailed, match=r"no answer to case-1 within 0\.05 s: it printed nothing"),
    ):
        oracle.decide(_case("case-1"))


def test_outside_of_its_block_the_oracle_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="outside of its with block"):
        Oracle(_program(tmp_path, "pass")).decide(_case("early"))
