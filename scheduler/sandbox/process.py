"""The scheduler as a process of its own, as a user starts it: the unchanged command, connected by a kubeconfig.

Owns the process and its log. It is ended by SIGTERM, as Kubernetes would, and must end well.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

STOP_SECONDS = 20.0


class SchedulerFailed(Exception):
    """The scheduler did not start, or did not end, as it should. The text holds the end of its log."""


class SchedulerProcess:
    """A running ``multiarch-scheduler run``; its log is in ``log``."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._is_over = False
        self.log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises SchedulerFailed if it has ended."""
        if self._process.returncode is not None:
            raise SchedulerFailed(f"the scheduler ended with {self._process.returncode}:\n{self.last_lines()}")

    def last_lines(self, count: int = 20) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])

    async def stop(self) -> None:
        """SIGTERM, and wait. Raises SchedulerFailed unless it ends with 0; nothing, once its end was seen to."""
        if self._is_over:
            return
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()
            raise SchedulerFailed(f"the scheduler did not end within {STOP_SECONDS:g} s of SIGTERM") from None
        if code != 0:
            raise SchedulerFailed(f"the scheduler ended with {code}:\n{self.last_lines()}")

    async def ended(self, seconds: float) -> int:
        """Its exit code, when it ends by itself. Raises TimeoutError."""
        code = await asyncio.wait_for(self._process.wait(), seconds)
        self._is_over = True
        return code

    def pause(self) -> None:
        """SIGSTOP: as when its machine stands still."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def compare(self) -> None:
        """SIGUSR2: it compares its memory with the API server and logs what it found."""
        self._process.send_signal(signal.SIGUSR2)

    async def kill(self) -> None:
        """SIGKILL: as when its machine dies."""
        self._is_over = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@contextlib.asynccontextmanager
async def scheduler_process(
    kubeconfig: Path,
    log: Path,
    *options: str,
    leader_elect: bool = False,
    program: Sequence[str] = ("-m", "scheduler"),
) -> AsyncIterator[SchedulerProcess]:
    """Starts the scheduler and stops it when the block ends; kills it when the block failed.

    It is alone, and starts to work at once, unless ``leader_elect``. ``program``: what Python runs, by default the
    unchanged command.
    """
    election = "--leader-elect" if leader_elect else "--no-leader-elect"
    command = [sys.executable, *program, "run", f"--kubeconfig={kubeconfig}", "--port=0", election, *options]
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    running = SchedulerProcess(process, log)
    try:
        yield running
        await running.stop()
    finally:
        if process.returncode is None:
            await running.kill()
