"""The scheduler that ours is compared with runs here too, and shows what ours is for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.cluster.kube_client import Object, eventually
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.nodes import amd64_node, arm64_node
from tests.cluster.pods import deployment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient

pytestmark = pytest.mark.real


async def test_kube_scheduler_spreads_pods_over_nodes_of_both_architectures_whatever_their_image(
    servers_folder: Path, control_plane: ControlPlane, kube: KubeClient, cluster: ClusterNodes, namespace: str
) -> None:
    await cluster.add(*(arm64_node(f"arm-{i}") for i in range(2)), *(amd64_node(f"amd-{i}") for i in range(2)))
    configuration = {"profiles": [{"schedulerName": "platform-blind"}]}
    with KubeScheduler(servers_folder, control_plane.kubeconfig, configuration):
        await kube.create(deployment("web", 40, "acme/arm64-only:1", scheduler="platform-blind"), namespace)

        async def all_running() -> list[Object] | None:
            running = await kube.list("Pod", namespace, fieldSelector="status.phase=Running")
            return running if len(running) == 40 else None

        running = await eventually("40 pods run", all_running)

    used = Counter(each["spec"]["nodeName"] for each in running)
    assert set(used) == {"arm-0", "arm-1", "amd-0", "amd-1"}
