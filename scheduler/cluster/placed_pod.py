"""A pod on a node, as the cache keeps it.

Only data: what follows from a pod being there is counted by ``cache`` and the tables that it writes.
"""

from __future__ import annotations

from scheduler.api.pod import Pod
from scheduler.cluster.ports import HostPort
from scheduler.cluster.requests import PodRequests
from scheduler.cluster.selection.carried_terms import CarriedTerm
from scheduler.cluster.shapes import PodShape
from scheduler.cluster.volumes.pod_volumes import PodVolumes


class PlacedPod:
    """What must be known of a pod to take it off its node again, and the pod, which may become a victim."""

    __slots__ = ("node", "pod", "ports", "requests", "shape", "terms", "volumes")

    def __init__(
        self,
        pod: Pod,
        node: str,
        requests: PodRequests,
        ports: tuple[HostPort, ...],
        volumes: PodVolumes,
        shape: PodShape,
        terms: tuple[CarriedTerm, ...],
    ) -> None:
        self.pod = pod
        self.node = node
        self.requests = requests
        self.ports = ports
        self.volumes = volumes
        self.shape = shape
        self.terms = terms

    def counts_like(self, other: PlacedPod) -> bool:
        """Neither volumes nor terms are looked at: those of a pod never change."""
        return (
            self.node == other.node
            and self.shape is other.shape
            and self.requests == other.requests
            and self.ports == other.ports
        )
