"""What a kubelet does for one pod: accept it, pull its images, report how it is, remove it once it was deleted.

Owns the order of the requests and the pauses between them. What is written into a status is in ``kubelet_status``;
which pods there are, in ``kubelets``. A node's heartbeat is its Lease, written once: nobody here takes a silent node
for lost.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from scheduler.api.meta import WireStruct
from scheduler.api.node import Node, NodeStatus
from scheduler.api.pod import Container, Pod
from scheduler.kube.errors import ApiError
from scheduler.kube.requests import JSON, STRATEGIC_MERGE_PATCH, ApiClient
from scheduler.sandbox.kubelet_status import Body, ImageTrouble, accepted, in_trouble, running

_ATTEMPTS = 5
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class NodeAddress(WireStruct):
    type: str
    address: str


class HostStatus(NodeStatus):
    addresses: list[NodeAddress] = []


class HostNode(Node):
    """A node with its addresses, which only a kubelet needs."""

    status: HostStatus = msgspec.field(default_factory=HostStatus)

    @property
    def ip(self) -> str:
        return next((each.address for each in self.status.addresses if each.type == "InternalIP"), "")


CanRun = Callable[[str, Node], ImageTrouble | None]
"""(image as written, node) -> what goes wrong with it there, or None when it runs."""


def runs_everything(_image: str, _node: Node) -> ImageTrouble | None:
    return None


class Kubelet:
    """The hands of ``SandboxKubelets``, whose arguments these are."""

    def __init__(
        self, client: ApiClient, can_run: CanRun, *, first_pause: float, longest_pause: float, at_once: int
    ) -> None:
        self._client = client
        self._can_run = can_run
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._slots = asyncio.Semaphore(at_once)
        self._addresses = itertools.count(1)

    async def register(self, node: Node) -> None:
        """Write the node's Lease."""
        lease = {
            "metadata": {"name": node.name, "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": node.name,
                "leaseDurationSeconds": 40,
                "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
        async with self._slots:
            await self._send("POST", _LEASES, lease)

    async def run_pod(self, pod: Pod, node: HostNode) -> None:
        """Until everything in it runs, however long its images make trouble."""
        async with self._slots:
            if not await self._report(pod, accepted(pod, _now(), node.ip)):
                return
            troubles = self._troubles(pod, node)
            await self._announce(pod, node, troubles)
        pause = self._first_pause
        while troubles:
            for backing_off in (False, True):
                if not await self._report(pod, in_trouble(pod, _now(), troubles, backing_off=backing_off)):
                    return
                await asyncio.sleep(pause / 2)
            pause = min(2 * pause, self._longest_pause)
            troubles = self._troubles(pod, node)
        number = next(self._addresses)
        await self._report(pod, running(pod, _now(), f"10.244.{number >> 8 & 255}.{number & 255}"))

    async def end_pod(self, pod: Pod) -> None:
        """Remove a pod whose deletion was asked for."""
        async with self._slots:
            await self._send(
                "DELETE", _path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.metadata.uid}}
            )

    def _troubles(self, pod: Pod, node: Node) -> dict[str, ImageTrouble]:
        """By container. Init containers run one after the other, so only the first of them that fails is known."""
        for container in pod.spec.init_containers:
            if (trouble := self._can_run(container.image, node)) is not None:
                return {container.name: trouble}
        found = ((container.name, self._can_run(container.image, node)) for container in pod.spec.containers)
        return {name: trouble for name, trouble in found if trouble is not None}

    async def _report(self, pod: Pod, status: Body) -> bool:
        """Write a status; False when the pod is gone, or is another one of the same name."""
        return await self._send(
            "PATCH", f"{_path(pod)}/status", {"metadata": {"uid": pod.metadata.uid}, "status": status}
        )

    async def _announce(self, pod: Pod, node: Node, troubles: dict[str, ImageTrouble]) -> None:
        """An event for each step of each container; nothing of the containers behind an init container in trouble."""
        for container in pod.spec.init_containers:
            await self._announce_container(pod, node, container, troubles.get(container.name))
            if container.name in troubles:
                return
        for container in pod.spec.containers:
            await self._announce_container(pod, node, container, troubles.get(container.name))

    async def _announce_container(
        self, pod: Pod, node: Node, container: Container, trouble: ImageTrouble | None
    ) -> None:
        image = container.image
        if trouble is not None and not trouble.pulled:
            failed = f'Failed to pull image "{image}": {trouble.message}'
            await self._event(pod, node, container, "Warning", "Failed", failed)
            return
        await self._event(pod, node, container, "Normal", "Pulled", f'Successfully pulled image "{image}"')
        if trouble is None:
            await self._event(pod, node, container, "Normal", "Started", f"Started container {container.name}")
        else:
            await self._event(pod, node, container, "Warning", "Failed", f"Error: {trouble.message}")

    async def _event(self, pod: Pod, node: Node, container: Container, kind: str, reason: str, message: str) -> None:
        metadata, now = pod.metadata, _now()
        is_init = container in pod.spec.init_containers
        event = {
            "metadata": {"generateName": f"{metadata.name}.", "namespace": metadata.namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": metadata.namespace,
                "name": metadata.name,
                "uid": metadata.uid,
                "fieldPath": f"spec.{'initContainers' if is_init else 'containers'}{{{container.name}}}",
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": node.name},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        await self._send("POST", f"/api/v1/namespaces/{metadata.namespace}/events", event)

    async def _send(self, method: str, path: str, body: Body) -> bool:
        """False when the request makes no sense any more. Repeated while the API server has troubles of its own."""
        content_type = STRATEGIC_MERGE_PATCH if method == "PATCH" else JSON
        for attempt in range(_ATTEMPTS):
            try:
                await self._client.request(method, path, body=msgspec.json.encode(body), content_type=content_type)
            except ApiError as error:
                if not error.transient:
                    return False
                await asyncio.sleep(0.1 * 2**attempt)
            else:
                return True
        return False


def _path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
