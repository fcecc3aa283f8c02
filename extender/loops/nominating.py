"""Nominates pods to nodes that kube-scheduler's sample lacked: it looks at those first the next time.

Owns the writes. The pod's own update brings it back from kube-scheduler's unschedulable pods, and a nominated
node is the first that is tried, whatever the sample (``evaluateNominatedNode``).
"""

from __future__ import annotations

from collections.abc import Callable

from extender.loops.pod_writes import PodName, PodWrites
from scheduler.api.pod import Pod
from scheduler.kube.errors import ApiError, Invalid
from scheduler.kube.pod_status import patch_nomination
from scheduler.kube.requests import ApiClient


class Nominating:
    """``nominate`` never blocks. ``promised``: the node that a pod, by UID, is to have by now.

    ``on_nominated`` is called for each pod whose status says so.
    """

    def __init__(
        self,
        client: ApiClient,
        promised: Callable[[str], str | None],
        on_nominated: Callable[[], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self._client = client
        self._promised = promised
        self._on_nominated = on_nominated
        self._on_problem = on_problem
        self._writes = PodWrites(self._write, "nominate pods")

    def nominate(self, pod: Pod) -> None:
        """To which node is looked up when it is written: the pod may be asked about again before."""
        self._writes.put(PodName(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid), pod)

    async def stop(self) -> None:
        await self._writes.stop()

    async def _write(self, name: PodName, pod: Pod) -> None:
        node = self._promised(name.uid)
        if node is None:
            return  # it has a node, or is gone
        try:
            if await patch_nomination(self._client, pod, node):
                self._on_nominated()
        except Invalid:
            return  # how the API server says that the pod is bound by now
        except ApiError as error:
            self._on_problem(f"pod {pod.key} waits though node {node} has room: it cannot be nominated: {error}")
