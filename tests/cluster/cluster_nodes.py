"""The nodes that one test has in the cluster: added, waited for, and taken away at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.kube_client import eventually

if TYPE_CHECKING:
    from tests.cluster.kube_client import KubeClient, Object


class ClusterNodes:
    """Adds nodes (see `nodes` for manifests) and remembers them for `clear`."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._names: list[str] = []

    async def add(self, *nodes: Object, ready: bool = True) -> None:
        """Create nodes and, unless told otherwise, wait until each is Ready and takes pods."""
        self._names += [node["metadata"]["name"] for node in nodes]
        await self._kube.create_all(nodes)
        if ready:
            await self.wait_ready(*(node["metadata"]["name"] for node in nodes))

    async def wait_ready(self, *names: str) -> None:
        async def all_ready() -> bool:
            present = {node["metadata"]["name"]: node for node in await self._kube.list("Node")}
            return all(name in present and is_ready(present[name]) for name in names)

        await eventually(f"{len(names)} nodes Ready", all_ready)

    async def remove(self, name: str) -> None:
        """Delete one node, as when a machine goes away."""
        self._names.remove(name)
        await self._kube.delete("Node", name)

    async def clear(self) -> None:
        while self._names:
            await self.remove(self._names[-1])


def is_ready(node: Object) -> bool:
    """Whether the kubelet says Ready and the controllers have taken the not-ready taint away."""
    conditions: list[dict[str, Any]] = node["status"].get("conditions", [])
    taints = {taint["key"] for taint in node["spec"].get("taints", [])}
    said = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return said and "node.kubernetes.io/not-ready" not in taints
