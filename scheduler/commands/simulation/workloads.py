"""Workloads become pods, as their controllers would make them.

Owns how many pods a workload has, their names, labels and owners, and the objects that come with them: the ReplicaSet
of a Deployment, the claims of a StatefulSet and of ephemeral volumes (``claims``). Pods that a workload has in the
snapshot already (``existing``) count among its replicas. What a DaemonSet makes of nodes is in ``daemons``; what the
API server adds to a pod, in ``admission``. Differs from the controllers: a StatefulSet does not wait for one pod before
it makes the next, a CronJob is one run, and what is there already is not replaced by a new template.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import OwnerReference
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.commands.simulation.admission import Admission
from scheduler.commands.simulation.claims import claim_of, ephemeral_claim, ephemeral_volumes, with_claims
from scheduler.commands.simulation.controllers import Controller, ControllerSpec, CronJob, Metadata, TemplateMetadata
from scheduler.commands.simulation.daemons import daemons
from scheduler.commands.simulation.documents import Object, Sourced
from scheduler.commands.simulation.existing import TEMPLATE_HASH, Existing
from scheduler.commands.snapshot import InvalidObject, in_words

NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Expanded:
    """``workload`` names what the pods come from; ``objects`` are to be in the cluster before them."""

    workload: str
    pods: list[Pod]
    objects: list[Object]


class Expander:
    """``nodes``: those that daemons may run on."""

    def __init__(self, admission: Admission, existing: Existing, nodes: list[Node]) -> None:
        self._admission = admission
        self._existing = existing
        self._nodes = nodes
        self._made: dict[str, str] = {}
        self._generated = 0

    def expand(self, sourced: Sourced) -> Expanded:
        """Raises InvalidObject."""
        document = sourced.as_object()
        metadata, pods, objects = _KINDS[sourced.kind](self, sourced, document)
        ephemeral = list(ephemeral_volumes(document))
        for pod in pods:
            self._claim_name(pod, sourced.where)
            objects.extend(ephemeral_claim(pod, *volume) for volume in ephemeral)
        for made in objects:
            if made["kind"] == "PersistentVolumeClaim":
                self._admission.admit_claim(made)
        return Expanded(f"{sourced.kind} {metadata.namespace}/{metadata.name}", pods, objects)

    def _pod(self, sourced: Sourced, document: Object) -> Made:
        metadata = self._named(_convert(document.get("metadata", {}), Metadata, sourced, "metadata"))
        document["metadata"] = {**document.get("metadata", {}), "name": metadata.name}
        pod = self._admission.admit_pod(document, _place(sourced))
        return metadata, [_with(pod, pod.metadata.name)], []

    def _replicated(self, sourced: Sourced, document: Object) -> Made:
        """ReplicaSet and ReplicationController."""
        read = _convert(document, Controller, sourced)
        document.setdefault("metadata", {}).setdefault("namespace", read.metadata.namespace)
        template = self._template(sourced, read.spec, read.metadata)
        pods = self._replicas(sourced.kind, read, read.metadata, template, read.spec.replicas)
        return read.metadata, pods, [document]

    def _deployment(self, sourced: Sourced, document: Object) -> Made:
        read = _convert(document, Controller, sourced)
        of_template = hashlib.blake2b(
            msgspec.json.encode(read.spec.template, order="sorted"), digest_size=5
        ).hexdigest()
        labels = {TEMPLATE_HASH: of_template}
        template = self._template(sourced, read.spec, read.metadata, labels)
        owner = Metadata(name=f"{read.metadata.name}-{of_template}", namespace=read.metadata.namespace)
        missing = read.spec.replicas - self._existing.count("Deployment", read.metadata)
        pods = self._replicas("ReplicaSet", read, owner, template, missing)
        selector = msgspec.to_builtins(_convert(read.spec.selector, LabelSelector, sourced, "spec.selector"))
        selector["matchLabels"] = {**selector.get("matchLabels", {}), **labels}
        replica_set = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": owner.name, "namespace": owner.namespace},
            "spec": {"selector": selector},
        }
        return read.metadata, pods, [replica_set]

    def _stateful_set(self, sourced: Sourced, document: Object) -> Made:
        read = _convert(document, Controller, sourced)
        spec, metadata = read.spec, read.metadata
        document.setdefault("metadata", {}).setdefault("namespace", metadata.namespace)
        template = self._template(sourced, spec, metadata)
        pods, objects = [], [document]
        for ordinal in range(spec.ordinals.start, spec.ordinals.start + spec.replicas):
            name = f"{metadata.name}-{ordinal}"
            if f"{metadata.namespace}/{name}" in self._existing.keys:
                continue
            claims = [claim_of(claim, name, metadata.namespace) for claim in spec.volume_claim_templates]
            objects.extend(claims)
            labels = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(ordinal)}
            pod = _with(template, name, "apps/v1", "StatefulSet", metadata, labels)
            pods.append(with_claims(pod, spec.volume_claim_templates))
        return metadata, pods, objects

    def _daemon_set(self, sourced: Sourced, document: Object) -> Made:
        read = _convert(document, Controller, sourced)
        template = self._template(sourced, read.spec, read.metadata)
        pods = [
            _with(pod, f"{read.metadata.name}-{node.name}", "apps/v1", "DaemonSet", read.metadata)
            for pod, node in daemons(template, self._nodes)
            if not self._existing.runs_on(node.name, read.metadata)
        ]
        return read.metadata, pods, []

    def _job(self, sourced: Sourced, document: Object) -> Made:
        read = _convert(document, Controller, sourced)
        metadata = self._named(read.metadata)
        return metadata, self._run(sourced, read.spec, metadata, "spec.template."), []

    def _cron_job(self, sourced: Sourced, document: Object) -> Made:
        read = _convert(document, CronJob, sourced)
        of_run = msgspec.structs.replace(read.metadata, name=f"{read.metadata.name}-run")
        path = "spec.jobTemplate.spec.template."
        pods = [] if read.spec.suspend else self._run(sourced, read.spec.job_template.spec, of_run, path)
        return read.metadata, pods, []

    def _run(self, sourced: Sourced, spec: ControllerSpec, metadata: Metadata, path: str) -> list[Pod]:
        """What of a Job runs at the same time."""
        labels = {"batch.kubernetes.io/job-name": metadata.name, "job-name": metadata.name}
        template = self._template(sourced, spec, metadata, labels, path)
        at_once = spec.parallelism if spec.completions is None else min(spec.parallelism, spec.completions)
        missing = 0 if spec.suspend else at_once - self._existing.count("Job", metadata)
        return [_with(template, name, "batch/v1", "Job", metadata) for name in self._free_names(metadata, missing)]

    def _replicas(self, kind: str, read: Controller, owner: Metadata, template: Pod, replicas: int) -> list[Pod]:
        version = "v1" if kind == "ReplicationController" else "apps/v1"
        missing = replicas - self._existing.count(kind, owner)
        return [_with(template, name, version, kind, owner) for name in self._free_names(owner, missing)]

    def _free_names(self, owner: Metadata, number: int) -> Iterator[str]:
        """Names of pods that the snapshot has not."""
        names = (f"{owner.name}-{i}" for i in itertools.count())
        free = (name for name in names if f"{owner.namespace}/{name}" not in self._existing.keys)
        return itertools.islice(free, max(0, number))

    def _template(
        self,
        sourced: Sourced,
        spec: ControllerSpec,
        metadata: Metadata,
        labels: Mapping[str, str] = NO_LABELS,
        path: str = "spec.template.",
    ) -> Pod:
        """The pod of a template, still without name and owner."""
        own = _convert(spec.template.get("metadata", {}), TemplateMetadata, sourced, f"{path}metadata")
        made = {"labels": {**own.labels, **labels}, "annotations": own.annotations}
        made |= {"name": metadata.name, "namespace": metadata.namespace}
        return self._admission.admit_pod({**spec.template, "metadata": made}, _place(sourced), path)

    def _named(self, metadata: Metadata) -> Metadata:
        if metadata.name or not metadata.generate_name:
            return metadata
        self._generated += 1
        return msgspec.structs.replace(metadata, name=f"{metadata.generate_name}{self._generated}")

    def _claim_name(self, pod: Pod, where: str) -> None:
        if not pod.metadata.name:
            raise InvalidObject(f"{where}: metadata.name: is missing")
        if pod.key in self._existing.keys:
            raise InvalidObject(f"{where}: pod {pod.key} is in the snapshot already")
        if pod.key in self._made:
            raise InvalidObject(f"{where}: pod {pod.key} is made by {self._made[pod.key]} already")
        self._made[pod.key] = where


Made = tuple[Metadata, list[Pod], list[Object]]

_KINDS: Mapping[str, Callable[[Expander, Sourced, Object], Made]] = {
    "Pod": Expander._pod,
    "ReplicaSet": Expander._replicated,
    "ReplicationController": Expander._replicated,
    "Deployment": Expander._deployment,
    "StatefulSet": Expander._stateful_set,
    "DaemonSet": Expander._daemon_set,
    "Job": Expander._job,
    "CronJob": Expander._cron_job,
}
KINDS = frozenset(_KINDS)
"""The kinds that become pods."""


def _place(sourced: Sourced) -> str:
    return f"{sourced.where} ({sourced.kind})"


def _convert(document: Any, kind: type[Any], sourced: Sourced, path: str = "") -> Any:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        field = in_words(error) if not path else f"{path}: {in_words(error)}"
        raise InvalidObject(f"{_place(sourced)}: {field}") from error


def _with(
    pod: Pod,
    name: str,
    api_version: str = "",
    kind: str = "",
    owner: Metadata | None = None,
    labels: Mapping[str, str] = NO_LABELS,
) -> Pod:
    """The pod under this name, which is its uid as well: ties between nodes are broken alike in every run."""
    metadata = msgspec.structs.replace(pod.metadata, name=name, uid=f"{pod.metadata.namespace}/{name}")
    if labels:
        metadata.labels = {**metadata.labels, **labels}
    if owner is not None:
        reference = OwnerReference(kind=kind, name=owner.name, api_version=api_version, controller=True)
        metadata.owner_references = [reference]
    return msgspec.structs.replace(pod, metadata=metadata)
