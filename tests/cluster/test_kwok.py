"""kwok's kubelets do for our nodes and pods what the scheduler scenarios count on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.cluster_nodes import is_ready
from tests.cluster.kube_client import Object, eventually
from tests.cluster.nodes import amd64_node, arm64_node, linux_node, windows_node
from tests.cluster.pods import deployment, pod

if TYPE_CHECKING:
    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.kube_client import KubeClient

pytestmark = pytest.mark.real


async def test_nodes_of_every_platform_become_ready_and_keep_what_their_kubelet_says(
    kube: KubeClient, cluster: ClusterNodes
) -> None:
    await cluster.add(
        arm64_node("arm-0", cpu="4"),
        amd64_node("amd-0", runtime="cri-o://1.35.0"),
        linux_node("pi-0", "arm"),
        windows_node("win2019-0", build="10.0.17763"),
        windows_node("win2022-0", build="10.0.20348.4405"),
    )

    nodes = {node["metadata"]["name"]: node for node in await kube.list("Node")}
    said = {
        name: (
            node["metadata"]["labels"]["kubernetes.io/os"],
            node["metadata"]["labels"]["kubernetes.io/arch"],
            node["metadata"]["labels"].get("node.kubernetes.io/windows-build"),
            node["status"]["nodeInfo"]["kernelVersion"],
            node["status"]["nodeInfo"]["containerRuntimeVersion"],
        )
        for name, node in nodes.items()
    }
    assert said == {
        "arm-0": ("linux", "arm64", None, "6.12.48", "containerd://2.2.1"),
        "amd-0": ("linux", "amd64", None, "6.12.48", "cri-o://1.35.0"),
        "pi-0": ("linux", "arm", None, "6.12.48", "containerd://2.2.1"),
        "win2019-0": ("windows", "amd64", "10.0.17763", "10.0.17763.2700", "containerd://2.2.1"),
        "win2022-0": ("windows", "amd64", "10.0.20348", "10.0.20348.4405", "containerd://2.2.1"),
    }
    assert nodes["arm-0"]["status"]["allocatable"]["cpu"] == "4"
    assert {node["status"]["nodeInfo"]["operatingSystem"] for node in nodes.values()} == {"linux", "windows"}


async def test_a_node_without_a_simulated_kubelet_does_not_become_ready(
    kube: KubeClient, cluster: ClusterNodes
) -> None:
    await cluster.add(amd64_node("dead-0", simulated=False), ready=False)
    # A simulated one that joins later is Ready, so kwok has seen both.
    await cluster.add(amd64_node("amd-0"))

    assert not is_ready(await kube.get("Node", "dead-0"))


async def test_a_pod_bound_by_hand_runs(kube: KubeClient, cluster: ClusterNodes, namespace: str) -> None:
    await cluster.add(arm64_node("arm-0"))
    await kube.create(pod("web", "acme/web:1", "acme/sidecar:1"), namespace)
    await kube.bind("web", "arm-0", namespace)

    async def running() -> Object | None:
        status: Object = (await kube.get("Pod", "web", namespace))["status"]
        return status if status["phase"] == "Running" else None

    status = await eventually("the pod runs", running)
    assert status["podIP"]


async def test_the_controllers_make_the_pods_of_a_deployment(kube: KubeClient, namespace: str) -> None:
    await kube.create(deployment("web", 5, "acme/web:1"), namespace)

    async def made() -> list[Object] | None:
        found = await kube.list("Pod", namespace, labelSelector="app=web")
        return found if len(found) == 5 else None

    created = await eventually("five pods", made)
    assert {each["spec"]["schedulerName"] for each in created} == {"multiarch-scheduler"}
