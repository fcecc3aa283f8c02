"""The simulated cluster: the picture that the snapshot gives, and the pods that are to be placed in it.

Owns which pod is pending, which is there already, and what of the wanted objects is created before the pods are.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import uid_of
from scheduler.commands.simulation.admission import Admission, check_quantities
from scheduler.commands.simulation.controllers import DEFAULT_NAMESPACE
from scheduler.commands.simulation.documents import Object, Sourced
from scheduler.commands.simulation.existing import Existing, owners_of
from scheduler.commands.simulation.workloads import KINDS, Expander
from scheduler.commands.snapshot import read_object
from scheduler.framework.profile import Profile
from scheduler.sandbox.apiserver.documents import dig

_OF_NAMESPACES = frozenset({"Service", "PersistentVolumeClaim", "PodDisruptionBudget", "CSIStorageCapacity"})


class SimulatedCluster:
    """``pods``: by uid, those to be placed, in the order in which they came; ``workloads``: what each comes from.

    ``pending``: the snapshot's pending pods are among them.
    """

    def __init__(self, profiles: Sequence[Profile], *, pending: bool) -> None:
        self.cache = Cache()
        self.pods: dict[str, Pod] = {}
        self.workloads: dict[str, str] = {}
        self._names = frozenset(profile.scheduler_name for profile in profiles)
        self._pending = pending
        self._waiting: list[Pod] = []

    def take(self, sourced: Sourced) -> None:
        """An object of the snapshot. Raises InvalidObject."""
        pod = read_object(self.cache, sourced.document, (), sourced.where, sourced.kind)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            return
        check_quantities(pod, sourced.document, f"{sourced.where} (Pod)")
        self._waiting.append(pod)
        if pod.status.nominated_node_name and (len(self._names) == 1 or pod.spec.scheduler_name in self._names):
            self.cache.nominate(pod, pod.status.nominated_node_name)
        if self._pending:
            metadata = msgspec.structs.replace(pod.metadata, uid=uid_of(pod))
            kind, name = next(owners_of(pod), ("Pod", pod.metadata.name))
            self._want(msgspec.structs.replace(pod, metadata=metadata), f"{kind} {pod.metadata.namespace}/{name}")

    def create(self, wanted: Sequence[Sourced], admission: Admission) -> None:
        """What is wanted besides pods, then the pods. Raises InvalidObject."""
        for sourced in wanted:
            if sourced.kind not in KINDS:
                self._create(sourced.as_object(), sourced, admission)
        placed = [placed.pod for _, placed in self.cache]
        expander = Expander(admission, Existing([*placed, *self._waiting]), [node for _, node in self.cache.nodes])
        for sourced in wanted:
            if sourced.kind in KINDS:
                expanded = expander.expand(sourced)
                for document in expanded.objects:
                    self._put(document, sourced)
                for pod in expanded.pods:
                    self._want(pod, expanded.workload)

    def _want(self, pod: Pod, workload: str) -> None:
        self.pods[pod.metadata.uid] = pod
        self.workloads[pod.metadata.uid] = workload

    def _create(self, document: Object, sourced: Sourced, admission: Admission) -> None:
        if sourced.kind in _OF_NAMESPACES and isinstance(metadata := document.setdefault("metadata", {}), dict):
            metadata.setdefault("namespace", DEFAULT_NAMESPACE)
        if sourced.kind == "PersistentVolumeClaim":
            admission.admit_claim(document)
        self._put(document, sourced)

    def _put(self, document: Object, sourced: Sourced) -> None:
        """A claim that the snapshot has already stays as it is there."""
        kind = document["kind"]
        key = f"{dig(document, 'metadata', 'namespace')}/{dig(document, 'metadata', 'name')}"
        if kind == "PersistentVolumeClaim" and self.cache.nodes.volumes.storage.claims.get(key) is not None:
            return
        read_object(self.cache, msgspec.Raw(msgspec.json.encode(document)), (), sourced.where, kind)
