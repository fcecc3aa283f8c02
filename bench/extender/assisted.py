"""kube-scheduler with an extender as one contender of ``bench.e2e``: they start and end together.

Owns how each is started and told of the other; the extender's CPU time is counted apart. What is played is up to
``kube_scheduler``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from bench.e2e.contenders import Contender
from tests.cluster.extender import QUICK_STOP, ExtenderProcess
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

_START_SECONDS = 20.0
_SCHEDULER_NAME = "default-scheduler"


class Echo(Process):
    """``bench.extender.echo``: what calling any extender costs kube-scheduler."""

    def __init__(self, folder: Path) -> None:
        self._url = f"http://127.0.0.1:{(port := free_port())}"
        super().__init__("echo", [sys.executable, "-m", "bench.extender.echo", str(port)], folder)

    def start(self) -> None:
        super().start()
        self.wait_until(lambda: answers_ok(f"{self._url}/readyz"), _START_SECONDS)

    def configuration(self) -> dict[str, Any]:
        """The KubeSchedulerConfiguration that makes kube-scheduler call it."""
        return {"extenders": [{"urlPrefix": self._url, "filterVerb": "filter", "nodeCacheCapable": True}]}


class Assisted(KubeScheduler):
    """kube-scheduler, and the extender that it asks."""

    def __init__(self, folder: Path, kubeconfig: Path, extender: Echo | ExtenderProcess) -> None:
        self.extender = extender
        super().__init__(folder, kubeconfig, extender.configuration())

    def start(self) -> None:
        self.extender.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self.extender.stop()


def alone(title: str = "no extender", **configuration: Any) -> Contender:
    """kube-scheduler without an extender. ``configuration``: of its KubeSchedulerConfiguration."""
    return Contender(
        title, _SCHEDULER_NAME, lambda folder, kubeconfig: KubeScheduler(folder, kubeconfig, configuration)
    )


def with_echo() -> Contender:
    return _assisted("zero-cost echo", lambda folder, _: Echo(folder))


def with_extender(title: str, answering: str = "{}", **wanted: Any) -> Contender:
    """``answering``: that part of its settings; ``wanted``: options of ``multiarch-extender config``."""
    settings = f"{QUICK_STOP}\nanswering: {answering}"
    return _assisted(title, lambda folder, kubeconfig: ExtenderProcess(folder, kubeconfig, settings, **wanted))


def _assisted(title: str, extender: Callable[[Path, Path], Echo | ExtenderProcess]) -> Contender:
    return Contender(
        title,
        _SCHEDULER_NAME,
        lambda folder, kubeconfig: Assisted(folder, kubeconfig, extender(folder, kubeconfig)),
        helper=_helper,
    )


def _helper(process: Process) -> Process:
    return cast("Assisted", process).extender
