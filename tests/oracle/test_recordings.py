"""Recorded decisions are of the release that the live oracle is built from, of every family, and complete."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from tests.cluster.recipes import recipe
from tests.oracle.record import FOLDER, varied
from tests.oracle.recordings import Case, Header, Recorded, Want, files, read, read_header, write
from tests.oracle.strategies.catalogue import FAMILIES

if TYPE_CHECKING:
    from pathlib import Path


def _row(name: str, want: Want) -> Recorded:
    return Recorded(Case(id=name, objects=[], pod={}), {"id": name, "nodes": {}, "hosts": [], **want})


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_recorded_from_the_release_that_is_built(family: str) -> None:
    path = FOLDER / f"{family}.jsonl.gz"
    header = read_header(path)
    rows = list(read(path))

    assert header is not None
    assert header == Header(recipe("oracle").version, family, len(rows), header.seed)
    assert [row.want["id"] for row in rows] == [f"{family}-{place:04d}" for place in range(len(rows))]
    assert len(rows) >= 100


def test_every_recorded_answer_speaks_of_every_node_of_its_case() -> None:
    for path in files():
        for row in read(path):
            nodes = {each["metadata"]["name"] for each in row.case["objects"] if each["kind"] == "Node"}
            assert set(row.want["nodes"]) == nodes, row.want["id"]
            assert set(row.want["scores"]) <= nodes, row.want["id"]
            assert row.want["id"] == row.case["id"]


def test_what_is_written_is_read_again_and_the_same_each_time(tmp_path: Path) -> None:
    rows = [_row("taints-0", {"hosts": ["a"]}), _row("taints-1", {"error": "nö"})]
    header = Header("v1.2.3", "taints", 2, 7)
    for name in ("one", "other"):
        write(tmp_path / name / "taints.jsonl.gz", header, rows)

    assert read_header(tmp_path / "one" / "taints.jsonl.gz") == header
    assert list(read(tmp_path / "one" / "taints.jsonl.gz")) == rows
    assert (tmp_path / "one" / "taints.jsonl.gz").read_bytes() == (tmp_path / "other" / "taints.jsonl.gz").read_bytes()


def test_a_file_without_header_is_read_from_its_first_line(tmp_path: Path) -> None:
    row = _row("taints-0", {})
    path = tmp_path / "taints.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"case": row.case, "want": row.want}).encode()))

    assert read_header(path) is None
    assert list(read(path)) == [row]


def test_rare_kinds_of_decisions_are_kept_before_more_of_the_common_ones() -> None:
    common = [_row(f"common-{number}", {"hosts": ["a"]}) for number in range(5)]
    rare = _row("rare", {"error": "no class for claim"})

    kept = varied([*common, rare], 3)

    assert [row.case["id"] for row in kept] == ["common-0", "rare", "common-1"]


def test_texts_that_differ_only_in_names_and_numbers_are_the_same_kind() -> None:
    def unfit(number: int, reason: str) -> Recorded:
        return _row(f"case-{number}", {"nodes": {f"node-{number}": {"code": "Unschedulable", "reasons": [reason]}}})

    rows = [unfit(1, 'claim "a" not found'), unfit(2, 'claim "b" not found'), unfit(3, "Too many pods")]

    assert [row.case["id"] for row in varied(rows, 2)] == ["case-1", "case-3"]
