"""What a kubelet does with pods that its node has no room for: they fail, the latest first. kwok takes them all."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.kube_client import KubeClient, Object

_LOOK_AGAIN_SECONDS = 0.1


@contextlib.asynccontextmanager
async def admission(kube: KubeClient, namespace: str, room: int) -> AsyncIterator[None]:
    """Of the namespace's pods on each node, ``room`` may be; those bound later are failed as OutOfcpu."""
    task = asyncio.create_task(_admit(kube, namespace, room))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def running(kube: KubeClient, namespace: str) -> dict[str, list[Object]]:
    """By node, the pods that take room on it, in the order in which they were seen to be bound."""
    pods: dict[str, list[Object]] = {}
    for pod in await kube.list("Pod", namespace):
        if pod["spec"].get("nodeName") and pod["status"].get("phase") not in {"Failed", "Succeeded"}:
            pods.setdefault(pod["spec"]["nodeName"], []).append(pod)
    for each in pods.values():
        each.sort(key=lambda pod: int(pod["metadata"]["resourceVersion"]))
    return pods


async def _admit(kube: KubeClient, namespace: str, room: int) -> None:
    admitted: dict[str, None] = {}
    while True:
        for pods in (await running(kube, namespace)).values():
            here = [pod for pod in pods if pod["metadata"]["uid"] in admitted]
            new = [pod for pod in pods if pod["metadata"]["uid"] not in admitted]
            free = room - len(here)
            for pod in new[:free]:
                admitted[pod["metadata"]["uid"]] = None
            for pod in new[max(free, 0) :]:
                await _reject(kube, namespace, pod["metadata"]["name"])
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _reject(kube: KubeClient, namespace: str, name: str) -> None:
    status = {"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"}
    path = await kube.path("v1", "Pod", namespace, name)
    await kube.request("PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json")
