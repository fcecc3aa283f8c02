"""One server that the tests start: a process group with a log file, a readiness probe, and a certain end.

Knows nothing of Kubernetes; `control_plane`, `kube_scheduler`, `kwok` and `registry` say what is started and when it
is ready. A server that ends early or is not ready in time raises ProcessFailed, which shows the end of its log.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PROBE_SECONDS = 0.05
_STOP_SECONDS = 10.0


class ProcessFailed(Exception):
    """A server ended, or did not become ready in time; the message ends with the tail of its log."""


class Process:
    """A command that runs until `stop`. Usable again after it: `start` begins anew and appends to the same log.

    `environment` is added to that of this process.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = folder / f"{name}.log"
        self._environment = environment or {}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command in a process group of its own, so that its children end with it."""
        if self._running is not None:
            raise RuntimeError(f"{self.name} is running already")
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.command,
                cwd=self.log.parent,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _reaper().watch(self._running.pid)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when `ready` answers True; ProcessFailed when the process ends before, or `seconds` have passed."""
        deadline = time.monotonic() + seconds
        while True:
            # Asked first: another server on the port could answer in the place of one that is dead.
            if self._running is None or self._running.poll() is not None:
                code = None if self._running is None else self._running.returncode
                raise ProcessFailed(f"{self.name} ended with {code} before it was ready\n{self.tail()}")
            if ready():
                return
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready after {seconds:.0f} s\n{self.tail()}")
            time.sleep(_PROBE_SECONDS)

    def stop(self) -> None:
        """End the process group: SIGTERM, and SIGKILL for what is left. Harmless when it is not running."""
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(_STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        _reaper().forget(running.pid)

    @property
    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def pid(self) -> int:
        if self._running is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._running.pid

    @property
    def resident_megabytes(self) -> float:
        """Resident memory now, as the kernel counts it (VmRSS)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024

    def tail(self, lines: int = 30) -> str:
        """The command and the last `lines` of its log, for error messages."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join([f"command: {' '.join(self.command)}", f"log: {self.log}", *text.splitlines()[-lines:]])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Reaper:
    """The other end of `reaper`: tells it which process groups die with us."""

    def __init__(self) -> None:
        # A session of its own keeps it alive through the Ctrl-C that ends the tests.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", Path(__file__).with_name("reaper.py")],
            stdin=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        atexit.register(self._finish)

    def watch(self, group: int) -> None:
        self._order(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._order(f"-{group}\n")

    def _finish(self) -> None:
        """Our end in peace is the same as any other: what is still running is killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _order(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()


@functools.cache
def _reaper() -> _Reaper:
    return _Reaper()


_given: deque[int] = deque(maxlen=100)


def free_port() -> int:
    """A free TCP port of the loopback, for a server that cannot choose its own.

    Taken from below the range that the kernel gives to clients: a port that it gave us could be lent to an outgoing
    connection before the server binds it, and the tests open thousands. One that was given lately is not given
    again: whoever asks for two has bound neither yet.
    """
    for _ in range(1000):
        port = random.randint(20_000, 32_000)
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            _given.append(port)
            return port
    raise RuntimeError("no free port between 20000 and 32000 on 127.0.0.1")
