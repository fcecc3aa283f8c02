"""Our scheduler as one of the servers of a test module: the unchanged command, alone, ready when its watches are."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tests.cluster.processes import Process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_START_SECONDS = 30.0


class MultiarchScheduler(Process):
    """Of the control plane whose admin kubeconfig is given, without leader election.

    ``configuration`` is a KubeSchedulerConfiguration (v1) or part of one, as `KubeScheduler` takes it.
    """

    def __init__(
        self,
        folder: Path,
        kubeconfig: Path,
        configuration: Mapping[str, Any] | None = None,
        *,
        name: str = "multiarch-scheduler",
    ) -> None:
        self._settings = folder / f"{name}-settings.yaml"
        self._file = folder / f"{name}-configuration.yaml"
        self._configuration = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            **(configuration or {}),
        }
        command: list[str | Path] = [
            sys.executable,
            *("-m", "scheduler", "run"),
            f"--config={self._settings}",
            f"--kubeconfig={kubeconfig}",
            "--port=0",
            "--no-leader-elect",
        ]
        super().__init__(name, command, folder)

    def start(self) -> None:
        """Return when its caches hold the cluster."""
        self._file.write_text(json.dumps(self._configuration, indent=2))
        self._settings.write_text(json.dumps({"schedulerConfiguration": self._file.name}))
        super().start()
        self.wait_until(lambda: " ready " in self.log.read_text(), _START_SECONDS)
