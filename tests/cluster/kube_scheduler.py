"""The real kube-scheduler with the caller's configuration: the platform-blind scheduler that ours is held against."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cluster.binaries import binary
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_START_SECONDS = 30.0


class KubeScheduler(Process):
    """kube-scheduler of the control plane whose admin kubeconfig is given.

    `configuration` is a KubeSchedulerConfiguration (v1) or part of one: profiles, extenders and so on. What belongs
    to the place is filled in: the kubeconfig, no leader election, and a client rate that does not cap it (its default
    of 50 queries per second is 50 pods per second).
    """

    def __init__(
        self,
        folder: Path,
        kubeconfig: Path,
        configuration: Mapping[str, Any] | None = None,
        *,
        name: str = "kube-scheduler",
        queries_per_second: int = 5000,
    ) -> None:
        self._pki = folder / f"{name}-pki"
        self._port = free_port()
        self._file = folder / f"{name}.json"
        self._configuration = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "leaderElection": {"leaderElect": False},
            **(configuration or {}),
            "clientConnection": {
                "kubeconfig": str(kubeconfig),
                "qps": queries_per_second,
                "burst": queries_per_second,
            },
        }
        command: list[str | Path] = [
            binary("kube-scheduler"),
            f"--config={self._file}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={self._pki}",
        ]
        super().__init__(name, command, folder)

    def start(self) -> None:
        """Return when it is ready: its caches hold the cluster."""
        self._file.write_text(json.dumps(self._configuration, indent=2))
        super().start()
        self.wait_until(self._ready, _START_SECONDS)

    def _ready(self) -> bool:
        return answers_ok(f"https://127.0.0.1:{self._port}/readyz", self._pki / "kube-scheduler.crt")
