"""A server that the tests start is waited for with a deadline, explained when it fails, and never outlives them."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.processes import Process, ProcessFailed, free_port

REPOSITORY = Path(__file__).parents[2]


def test_a_process_that_ends_before_it_is_ready_is_explained_by_its_log(tmp_path: Path) -> None:
    server = Process("broken", ["sh", "-c", "echo starting; echo no such disk >&2; exit 3"], tmp_path)
    server.start()

    with pytest.raises(ProcessFailed, match=r"broken ended with 3(?s:.)*starting\nno such disk"):
        server.wait_until(lambda: False, 10)
    server.stop()


def test_a_process_that_is_never_ready_is_given_up_after_the_deadline(tmp_path: Path) -> None:
    with Process("slow", ["sleep", "60"], tmp_path) as server:
        with pytest.raises(ProcessFailed, match="slow was not ready after 0 s"):
            server.wait_until(lambda: False, 0.1)
        assert server.alive


def test_stop_ends_the_children_too_even_when_they_ignore_being_asked(tmp_path: Path) -> None:
    script = "(trap '' TERM; echo $BASHPID > child; sleep 60 & wait; wait) & wait"
    server = Process("parent", ["bash", "-c", script], tmp_path)
    server.start()
    child = tmp_path / "child"
    server.wait_until(lambda: child.exists() and child.read_text().endswith("\n"), 10)

    server.stop()
    server.stop()

    assert not server.alive
    assert _gone(int(child.read_text()))


def test_a_process_can_be_started_again_after_it_was_stopped(tmp_path: Path) -> None:
    server = Process("twice", ["sh", "-c", "echo up; sleep 60"], tmp_path)
    for log in ("up\n", "up\nup\n"):
        with server:
            server.wait_until(functools.partial(_holds, server.log, log), 10)


def test_servers_die_with_a_test_run_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from tests.cluster.processes import Process\n"
        f"server = Process('server', ['sleep', '60'], pathlib.Path({str(tmp_path)!r}))\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        server = int(run.stdout.readline())
        assert not _gone(server, seconds=0)
        run.send_signal(signal.SIGKILL)

    assert _gone(server)


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))


def _holds(file: Path, text: str) -> bool:
    return file.read_text() == text


def _gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process ends within `seconds`. One that has ended but was not yet collected counts as gone."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.02)
                continue
        return True
