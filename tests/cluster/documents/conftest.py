"""A small mixed cluster with kube-scheduler and with nothing of ours in it, and a reader of the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.documents.reader import ROOT, Reader
from tests.cluster.installation import NAME, kubectl
from tests.cluster.kube_client import eventually
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.nodes import amd64_node, arm64_node, windows_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient

IMAGES = {
    "arm64v8/nginx:latest": ("linux/arm64/v8",),
    "library/nginx:latest": ("linux/amd64", "linux/arm64/v8"),
    "s390x/nginx:latest": ("linux/s390x",),
    "acme/app:2": ("linux/amd64", "linux/arm64/v8"),
}
"""What the one registry holds that stands for all of them."""


@pytest.fixture(scope="module")
def kube_scheduler(servers_folder: Path, control_plane: ControlPlane) -> Iterator[KubeScheduler]:
    with KubeScheduler(servers_folder, control_plane.kubeconfig, name="documents-kube-scheduler") as started:
        yield started


@pytest.fixture
async def reader(
    control_plane: ControlPlane,
    kube: KubeClient,
    cluster: ClusterNodes,
    kube_scheduler: KubeScheduler,
    publisher: Publisher,
    tmp_path: Path,
) -> AsyncIterator[Reader]:
    """Of a cluster with one node of each kind."""
    assert kube_scheduler.alive
    for image, platforms in IMAGES.items():
        publisher.push_index(image, *platforms)
    await cluster.add(amd64_node("amd64-0"), arm64_node("arm64-0"), windows_node("windows-0"))
    await nothing_installed(control_plane, kube)
    async with Reader(control_plane, kube, publisher, tmp_path) as reader:
        yield reader
    await nothing_installed(control_plane, kube)


async def nothing_installed(control_plane: ControlPlane, kube: KubeClient) -> None:
    """Nor any pod, of which tests of other modules leave some."""
    for manifests in ("opt-in", "sharing"):
        kubectl(control_plane, "delete", "--ignore-not-found", "--kustomize", str(ROOT / "manifests" / manifests))
    workloads = "deployments,pods,secrets"
    kubectl(control_plane, "delete", workloads, "--all", "--grace-period=0", "--force", "--namespace=default")

    async def gone() -> bool:
        names = {each["metadata"]["name"] for each in await kube.list("Namespace")}
        return NAME not in names and not await kube.list("Pod", "default")

    await eventually("the scheduler's namespace and all pods are gone", gone, 60.0)
