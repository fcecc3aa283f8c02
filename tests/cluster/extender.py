"""multiarch-extender as a process of its own, configured by its own `config` command on both sides."""

from __future__ import annotations

import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import yaml

from extender.configuration import Wanted, extender_settings, scheduler_configuration
from extender.settings import parse_extender_settings
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 20.0

QUICK_STOP = "listening: {drainSeconds: 0}"


class ExtenderProcess(Process):
    """`multiarch-extender run`, connected by a kubeconfig.

    `settings` is the text of its settings file, to which the mode's own are added; `wanted` are the options of
    `multiarch-extender config`.
    """

    def __init__(
        self, folder: Path, kubeconfig: Path, settings: str = QUICK_STOP, *, name: str = "extender", **wanted: Any
    ) -> None:
        self.port = free_port()
        self.health_port = free_port()
        scheme = "https" if "ca_file" in wanted else "http"
        self.wanted = Wanted(url=f"{scheme}://127.0.0.1:{self.port}", kubeconfig=None, **wanted)
        self.settings = parse_extender_settings(settings, "settings")
        self._file = folder / f"{name}.yaml"
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "extender",
            "run",
            f"--config={self._file}",
            f"--kubeconfig={kubeconfig}",
            f"--port={self.port}",
            f"--health-port={self.health_port}",
        ]
        super().__init__(name, command, folder)

    def start(self) -> None:
        """Return when it is ready: its watches have delivered."""
        self._file.write_text(extender_settings(self.wanted, self.settings))
        super().start()
        self.wait_until(lambda: answers_ok(f"http://127.0.0.1:{self.health_port}/readyz"), _START_SECONDS)

    def configuration(self) -> dict[str, Any]:
        """The KubeSchedulerConfiguration that makes kube-scheduler call it."""
        document: dict[str, Any] = yaml.safe_load(scheduler_configuration(self.wanted, self.settings))
        return document

    def metrics(self) -> str:
        """What Prometheus would scrape."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
