"""The demo's story as data: the mission's cluster, its images, and the workloads that ask to run there.

Owns no behaviour but turning a workload into pod manifests. ``demo`` plays it on the embedded cluster; the tests of the
real control plane play the same one, which is how we know that the embedded cluster is faithful.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scheduler.images.platform import Platform

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64", "v8")
WINDOWS_2019 = Platform("windows", "amd64", os_version="10.0.17763.6532")
WINDOWS_2022 = Platform("windows", "amd64", os_version="10.0.20348.2849")
MAINFRAME = Platform("linux", "s390x")


@dataclass(frozen=True, slots=True)
class ScenarioImage:
    """An image to push. One platform and no ``index``: a single manifest, whose config alone tells the platform."""

    repository: str
    tag: str
    platforms: tuple[Platform, ...]
    index: bool = True

    @property
    def name(self) -> str:
        """Without the registry: ``shop/web:1.4``."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Workload:
    """Pods that are alike. ``images`` without registry, the first one being the main container's."""

    name: str
    images: tuple[str, ...]
    replicas: int
    runs_on: frozenset[str]
    """Names of the nodes that can run it; empty: it stays pending."""
    pending_because: str = ""
    """For a workload that stays pending, a phrase that its pods' condition holds."""

    def pods(self, registry: str, scheduler_name: str, namespace: str = "default") -> list[dict[str, Any]]:
        """The manifests of its pods, their images pulled from ``registry`` (``host:port``)."""
        containers = [
            {
                "name": "main" if position == 0 else f"sidecar-{position}",
                "image": f"{registry}/{image}",
                "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}},
            }
            for position, image in enumerate(self.images)
        ]
        return [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"{self.name}-{replica}",
                    "namespace": namespace,
                    "labels": {"app": self.name},
                },
                "spec": {"schedulerName": scheduler_name, "containers": containers},
            }
            for replica in range(self.replicas)
        ]


ARM_NODES = ("arm64-0", "arm64-1")
X86_NODES = ("amd64-0", "amd64-1")
WINDOWS_2019_NODES = ("win2019-0",)
WINDOWS_2022_NODES = ("win2022-0",)
LINUX_NODES = (*ARM_NODES, *X86_NODES)
WINDOWS_NODES = (*WINDOWS_2019_NODES, *WINDOWS_2022_NODES)
NODES = (*LINUX_NODES, *WINDOWS_NODES)

IMAGES = (
    ScenarioImage("shop/web", "1.4", (AMD64, ARM64)),
    ScenarioImage("shop/inference", "0.9", (ARM64,)),
    ScenarioImage("shop/legacy", "2.0", (AMD64,), index=False),
    ScenarioImage("shop/iis", "10", (WINDOWS_2019, WINDOWS_2022)),
    ScenarioImage("shop/dotnet", "8", (WINDOWS_2022,)),
    ScenarioImage("shop/agent", "3.1", (AMD64, ARM64, WINDOWS_2019, WINDOWS_2022)),
    ScenarioImage("shop/ledger", "1.0", (MAINFRAME,)),
)

WORKLOADS = (
    Workload("web", ("shop/web:1.4",), 6, frozenset(LINUX_NODES)),
    Workload("inference", ("shop/inference:0.9",), 3, frozenset(ARM_NODES)),
    Workload("legacy", ("shop/legacy:2.0",), 3, frozenset(X86_NODES)),
    Workload("web-with-legacy", ("shop/web:1.4", "shop/legacy:2.0"), 2, frozenset(X86_NODES)),
    Workload("iis", ("shop/iis:10",), 3, frozenset(WINDOWS_NODES)),
    Workload("dotnet", ("shop/dotnet:8",), 2, frozenset(WINDOWS_2022_NODES)),
    Workload("agent", ("shop/agent:3.1",), 6, frozenset(NODES)),
    Workload("ledger", ("shop/ledger:1.0",), 1, frozenset(), "shop/ledger:1.0 (built for linux/s390x)"),
    Workload("ghost", ("shop/ghost:1.0",), 1, frozenset(), "shop/ghost:1.0"),
    Workload("typo", ("shop//Web:1.4",), 1, frozenset(), "shop//Web:1.4"),
)
