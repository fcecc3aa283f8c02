"""Cases with recorded answers of the real kube-scheduler, read without Go; the README beside them tells the format.

A file is gzip of JSON lines `{"case", "want"}`. Those in `tests/cases/oracle/recorded/` are written by `record` and
begin with a header, which names the release, the family, the number of cases and the seed that made them.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Object = dict[str, Any]
"""A Kubernetes object, or a part of one, as plain JSON."""

Want = dict[str, Any]
"""An answer of the oracle."""

RECORDINGS = Path(__file__).parents[1] / "cases" / "oracle"


class Case(TypedDict):
    """A cluster and a pending pod."""

    id: str
    objects: list[Object]
    pod: Object


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A case and what kube-scheduler decided."""

    case: Case
    want: Want


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file of recordings is."""

    kubernetes: str
    """Release of kube-scheduler, as `v1.37.2`."""
    family: str
    cases: int
    seed: int


def files() -> list[Path]:
    """Every file of recordings, in the order of their names."""
    return sorted(RECORDINGS.rglob("*.jsonl.gz"))


def read(path: Path) -> Iterator[Recorded]:
    """The recorded cases of a file, one at a time."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if "case" in row:
                yield Recorded(row["case"], row["want"])


def read_header(path: Path) -> Header | None:
    """What the file says of itself; None when it has no header."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        row = json.loads(next(lines))
    return None if "case" in row else Header(**row)


def write(path: Path, header: Header, rows: Iterable[Recorded]) -> None:
    """Write a file whose bytes depend on nothing but what it holds."""
    lines = [dataclasses.asdict(header), *({"case": row.case, "want": row.want} for row in rows)]
    text = "".join(json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
