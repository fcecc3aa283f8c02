"""Nominates pods, in delegated mode, to nodes that kube-scheduler's sample lacked: it asks about those alone next.

Owns the writes. The pod's own update brings it back from kube-scheduler's unschedulable pods, and a nominated node is
the first that is tried, whatever the sample (``evaluateNominatedNode``).
"""

from __future__ import annotations

from collections.abc import Callable

from extender.loops.pod_writes import PodName, PodWrites
from scheduler.api.pod import Pod
from scheduler.kube.errors import ApiError
from scheduler.kube.pod_status import patch_nomination
from scheduler.kube.requests import ApiClient


class Nominating:
    """``nominate`` never blocks."""

    def __init__(self, client: ApiClient, on_problem: Callable[[str], None]) -> None:
        self._client = client
        self._on_problem = on_problem
        self._writes = PodWrites(self._write, "nominate pods")

    def nominate(self, pod: Pod, node: str) -> None:
        meta = pod.metadata
        self._writes.put(PodName(meta.namespace, meta.name, meta.uid), (pod, node))

    async def stop(self) -> None:
        await self._writes.stop()

    async def _write(self, _name: PodName, nomination: tuple[Pod, str]) -> None:
        pod, node = nomination
        try:
            await patch_nomination(self._client, pod, node)
        except ApiError as error:
            self._on_problem(f"pod {pod.key} waits though node {node} has room: it cannot be nominated: {error}")
