"""Our scheduler at work for all tests of a module, an image that runs everywhere, and priorities to name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.kube_client import ApiFailure, eventually
from tests.cluster.multiarch_scheduler import MultiarchScheduler
from tests.cluster.place import Place
from tests.cluster.pods import pod

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient

PRIORITIES = (1, 2, 5, 10)
SCHEDULER = "multiarch-scheduler"


@pytest.fixture(scope="module")
def scheduler(servers_folder: Path, control_plane: ControlPlane) -> Iterator[MultiarchScheduler]:
    configuration = {"profiles": [{"schedulerName": SCHEDULER}]}
    with MultiarchScheduler(servers_folder, control_plane.kubeconfig, configuration, name="scheduler-at-work") as one:
        yield one
        faults = [line for line in one.log.read_text().splitlines() if "[error" in line or "Traceback" in line]
    assert not faults, faults


@pytest.fixture(scope="session")
def everywhere(publisher: Publisher) -> str:
    """An image for the three platforms of the cluster."""
    return publisher.push_index(
        "life/everywhere:1", "linux/amd64", "linux/arm64", "windows/amd64,osver=10.0.20348.2700"
    ).name


@pytest.fixture
async def place(scheduler: MultiarchScheduler, kube: KubeClient, namespace: str, everywhere: str) -> Place:
    assert scheduler.alive
    return Place(kube, namespace, SCHEDULER, everywhere)


@pytest.fixture
async def priorities(kube: KubeClient) -> AsyncIterator[None]:
    """Classes ``priority-<n>``."""
    for value in PRIORITIES:
        await kube.create(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": f"priority-{value}"},
                "value": value,
            }
        )

    async def known() -> bool:
        """Admission reads them by a watch of its own."""
        likely = pod("likely", "none", priorityClassName=f"priority-{PRIORITIES[-1]}")
        try:
            await kube.request("POST", await kube.path("v1", "Pod", "default"), likely, dryRun="All")
        except ApiFailure:
            return False
        return True

    await eventually("the priorities are known", known)
    yield
    for value in PRIORITIES:
        await kube.delete("PriorityClass", f"priority-{value}", api_version="scheduling.k8s.io/v1")
