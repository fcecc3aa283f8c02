"""What runs in a cluster, by what people manage: Deployments and their like, and pods that nobody manages.

Owns which kinds count, how many pods each stands for, and where its pod template is. What another one of them manages
is left out, as a ReplicaSet of a Deployment, so that each image is counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Pod, PodSpec
from scheduler.cluster.cache import FINISHED

PATHS: Mapping[str, str] = {
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "DaemonSet": "/apis/apps/v1/daemonsets",
    "CronJob": "/apis/batch/v1/cronjobs",
    "Job": "/apis/batch/v1/jobs",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "ReplicationController": "/api/v1/replicationcontrollers",
    "Pod": "/api/v1/pods",
}
"""Kind -> where all of them are listed."""

_MIRROR = "kubernetes.io/config.mirror"
"""The annotation of the pods that stand for a node's static ones."""


@dataclass(frozen=True, slots=True)
class Workload:
    """``pods``: how many it stands for now. ``pod``: one of them, as its template has it."""

    kind: str
    pod: Pod
    pods: int

    @property
    def key(self) -> str:
        """``namespace/kind/name``."""
        return f"{self.pod.metadata.namespace}/{self.kind}/{self.pod.metadata.name}"


def read_workload(kind: str, document: msgspec.Raw | bytes) -> Workload | None:
    """None for what another one manages, and for what is over. Raises msgspec.DecodeError."""
    if kind == "Pod":
        pod = _pod_decoder.decode(document)
        if _is_managed(pod.metadata) or _MIRROR in pod.metadata.annotations or pod.status.phase in FINISHED:
            return None
        return Workload(kind, pod, 1)
    found = _decoder.decode(document)
    if _is_managed(found.metadata):
        return None
    spec = found.spec if found.spec.job_template is None else found.spec.job_template.spec
    template = spec.template
    if template is None:
        return None
    metadata = msgspec.structs.replace(found.metadata, labels=template.metadata.labels, owner_references=[])
    return Workload(kind, Pod(metadata=metadata, spec=template.spec), _pods(kind, found))


def _pods(kind: str, found: _Controller) -> int:
    match kind:
        case "DaemonSet":
            return found.status.desired_number_scheduled
        case "CronJob":
            return 0 if found.spec.suspend else 1
        case "Job":
            return found.status.active
    return 1 if found.spec.replicas is None else found.spec.replicas


def _is_managed(metadata: ObjectMeta) -> bool:
    """Of a controller that counts itself; those of custom resources are not looked into."""
    return any(owner.controller and owner.kind in PATHS for owner in metadata.owner_references)


class _Wire(msgspec.Struct, rename="camel"):
    pass


class _TemplateMeta(_Wire):
    labels: dict[str, str] = {}


class _Template(_Wire):
    metadata: _TemplateMeta = msgspec.field(default_factory=_TemplateMeta)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)


class _JobTemplate(_Wire):
    spec: _Spec


class _Spec(_Wire):
    replicas: int | None = None
    suspend: bool | None = None
    template: _Template | None = None
    job_template: _JobTemplate | None = None


class _Status(_Wire):
    desired_number_scheduled: int = 0
    active: int = 0


class _Controller(_Wire):
    metadata: ObjectMeta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_decoder = msgspec.json.Decoder(_Controller)
_pod_decoder = msgspec.json.Decoder(Pod)
