"""The end-to-end benchmark runs: small, with everything real."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

SMALL = "--nodes 100 --pods 30 --rounds 1 --workloads simple churn --rates 20 --seconds 2 --big 0"


@pytest.mark.real
@pytest.mark.timeout(300)
def test_all_contenders_bind_a_small_burst_and_a_slow_stream():
    done = subprocess.run(
        [sys.executable, "-m", "bench.e2e", *shlex.split(SMALL)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    told = [[cell.strip() for cell in row.strip("|").split("|")][1] for row in rows]
    assert told.count("kube-scheduler") == told.count("multiarch-scheduler") == 3, "two bursts and a stream"
    assert told.count("bindings only") == 1
