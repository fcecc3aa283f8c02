"""The pods that the snapshot has already, by the workload that each belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from scheduler.api.pod import Pod
from scheduler.cluster.pod_info import controller_of
from scheduler.commands.simulation.controllers import Metadata

TEMPLATE_HASH = "pod-template-hash"
"""The label by which the pods of one template of a Deployment, and their ReplicaSet, are known."""


class Existing:
    """``keys``: namespace/name of each."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self.keys: set[str] = set()
        self._owned: Counter[tuple[str, str, str]] = Counter()
        self._nodes: set[tuple[str, str, str]] = set()
        for pod in pods:
            self.keys.add(pod.key)
            for kind, name in owners_of(pod):
                self._owned[kind, pod.metadata.namespace, name] += 1
                self._nodes.add((pod.metadata.namespace, name, pod.spec.node_name))

    def count(self, kind: str, metadata: Metadata) -> int:
        return self._owned[kind, metadata.namespace, metadata.name]

    def runs_on(self, node: str, metadata: Metadata) -> bool:
        """Whether a DaemonSet of this name has a pod there."""
        return (metadata.namespace, metadata.name, node) in self._nodes


def owners_of(pod: Pod) -> Iterator[tuple[str, str]]:
    """(kind, name) of the workloads that a pod belongs to: of the Deployment before its ReplicaSet."""
    owner = controller_of(pod)
    if owner is None:
        return
    of_template = pod.metadata.labels.get(TEMPLATE_HASH)
    if owner.kind == "ReplicaSet" and of_template and owner.name.endswith(f"-{of_template}"):
        yield "Deployment", owner.name.removesuffix(f"-{of_template}")
    yield owner.kind, owner.name
