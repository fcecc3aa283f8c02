"""kwok plays the kubelets: it makes annotated nodes Ready, keeps their leases, and runs the pods bound to them.

Its stages (what a node or pod becomes next) are the `fast` ones that kwok ships, taken from the module's own source
when the binary was built. A node without the annotation, see `nodes`, is left alone and stays as it was created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.binaries import binary
from tests.cluster.nodes import KWOK_ANNOTATION
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 30.0


class Kwok(Process):
    """kwok's controller for the cluster whose admin kubeconfig is given."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        program = binary("kwok")
        self._port = free_port()
        command: list[str | Path] = [
            program,
            f"--kubeconfig={kubeconfig}",
            *(f"--config={stage}" for stage in sorted(program.parent.glob("*.yaml"))),
            f"--manage-nodes-with-annotation-selector={'='.join(KWOK_ANNOTATION)}",
            "--node-ip=10.0.0.1",
            "--cidr=10.0.0.1/24",
            # Renewed leases keep kube-controller-manager from calling the nodes unreachable.
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{self._port}",
        ]
        super().__init__("kwok", command, folder)

    def start(self) -> None:
        """Return when it watches nodes and pods."""
        super().start()
        self.wait_until(lambda: answers_ok(f"http://127.0.0.1:{self._port}/healthz"), _START_SECONDS)
