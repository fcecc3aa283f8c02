"""multiarch-extender as a process of its own, and the KubeSchedulerConfiguration that makes kube-scheduler call it."""

from __future__ import annotations

import sys
import urllib.request
from typing import TYPE_CHECKING, Any

from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 20.0


class ExtenderProcess(Process):
    """`multiarch-extender run`, connected by a kubeconfig. ``settings`` is the text of its settings file."""

    def __init__(self, folder: Path, kubeconfig: Path, settings: str = "", *, name: str = "extender") -> None:
        self.port = free_port()
        self.health_port = free_port()
        self._file = folder / f"{name}.yaml"
        self._settings = settings
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
        self._file.write_text(self._settings)
        super().start()
        self.wait_until(lambda: answers_ok(f"http://127.0.0.1:{self.health_port}/readyz"), _START_SECONDS)

    def url(self, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}"

    def metrics(self) -> str:
        """What Prometheus would scrape."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def configuration(self, **fields: Any) -> dict[str, Any]:
        """One entry of `extenders:` that calls it, with these fields changed."""
        return {
            "urlPrefix": self.url(),
            "filterVerb": "filter",
            "prioritizeVerb": "prioritize",
            "preemptVerb": "preempt",
            "weight": 1,
            "nodeCacheCapable": True,
            "httpTimeout": "5s",
            **fields,
        }
