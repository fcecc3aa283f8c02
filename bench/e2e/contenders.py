"""Those who bind pods, each as the process that a user would start: kube-scheduler, ours, and the floor.

Owns how each is started and when it is ready. All of them run without leader election, since each runs alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Contender:
    """``start(folder, kubeconfig)`` returns a process that is ready to bind pods of ``scheduler_name``."""

    title: str
    scheduler_name: str
    make: Callable[[Path, Path], Process]
    schedules: bool = True
    complaints: tuple[str, ...] = ()
    """What a line of its log holds that tells of an error."""
    helper: Callable[[Process], Process | None] = lambda process: None
    """Who works for the process, if anybody: its CPU time is counted apart."""


class OurScheduler(Process):
    """``multiarch-scheduler run``; like kube-scheduler it logs no line per pod.

    ``command``: the module, which may be one that profiles.
    """

    def __init__(self, folder: Path, kubeconfig: Path, command: Sequence[str] = ("scheduler",)) -> None:
        self._port = free_port()
        options = [f"--kubeconfig={kubeconfig}", f"--port={self._port}", "--no-leader-elect", "--log-level=warning"]
        super().__init__("multiarch-scheduler", [sys.executable, "-m", *command, "run", *options], folder)

    def start(self) -> None:
        super().start()
        self.wait_until(lambda: answers_ok(f"http://127.0.0.1:{self._port}/readyz"), _START_SECONDS)


class Floor(Process):
    """``bench.e2e.floor``: binds what it finds when it is let go."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self._ready = folder / "ready"
        super().__init__("floor", [sys.executable, "-m", "bench.e2e.floor", str(kubeconfig), str(self._ready)], folder)

    def start(self) -> None:
        super().start()
        self.wait_until(self._ready.exists, _START_SECONDS)


OURS = Contender(
    "multiarch-scheduler", "multiarch-scheduler", OurScheduler, complaints=("[error", "[warning", "Traceback")
)
THEIRS = Contender("kube-scheduler", "default-scheduler", KubeScheduler)
FLOOR = Contender("bindings only", "nobody", Floor, schedules=False)


def profiled(file: Path) -> Contender:
    """Ours under cProfile, which writes ``file`` as it ends."""
    return Contender(
        OURS.title,
        OURS.scheduler_name,
        lambda folder, config: OurScheduler(folder, config, ["bench.e2e.profiled", str(file)]),
    )


def let_processes_import_this() -> None:
    """They start in folders of their own."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
