"""The generated code in the repository is what its .proto files give."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROTO = Path(__file__).parents[2] / "scheduler" / "rpc" / "proto"


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    subprocess.run([PROTO / "generate", tmp_path], check=True, env={**os.environ, "PYTHON": sys.executable})
    again = {file.name: file.read_text() for file in (tmp_path / "scheduler" / "rpc" / "proto").iterdir()}
    kept = {file.name: file.read_text() for file in PROTO.glob("*_pb2*.py*")}
    assert set(again) == set(kept)
    assert [name for name in kept if kept[name] != again[name]] == []
