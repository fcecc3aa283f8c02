"""The claims that come with pods: those of a StatefulSet, and those of ephemeral volumes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from scheduler.api.pod import PersistentVolumeClaimVolumeSource, Pod, Volume
from scheduler.commands.simulation.controllers import ClaimTemplate
from scheduler.commands.simulation.documents import Object
from scheduler.sandbox.apiserver.documents import dig, items_at

_POD_SPECS = (("spec",), ("spec", "template", "spec"), ("spec", "jobTemplate", "spec", "template", "spec"))


def claim_of(template: ClaimTemplate, pod: str, namespace: str) -> Object:
    name = f"{template.metadata.name}-{pod}"
    metadata = {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}"}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": dict(template.spec)}


def with_claims(pod: Pod, templates: Iterable[ClaimTemplate]) -> Pod:
    """A claim of the StatefulSet takes the place of a volume of its name."""
    names = [template.metadata.name for template in templates]
    volumes = [volume for volume in pod.spec.volumes if volume.name not in names]
    for name in names:
        claim = PersistentVolumeClaimVolumeSource(claim_name=f"{name}-{pod.metadata.name}")
        volumes.append(Volume(name=name, persistent_volume_claim=claim))
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, volumes=volumes)) if names else pod


def ephemeral_volumes(document: Object) -> Iterator[tuple[str, Object]]:
    """(name, spec of its claim) of the volumes that are made and deleted with a pod."""
    for path in _POD_SPECS:
        for volume in items_at(document, *path, "volumes"):
            if isinstance(spec := dig(volume, "ephemeral", "volumeClaimTemplate", "spec"), dict):
                yield str(volume.get("name", "")), spec


def ephemeral_claim(pod: Pod, volume: str, spec: Object) -> Object:
    name, namespace = f"{pod.metadata.name}-{volume}", pod.metadata.namespace
    owner = {"kind": "Pod", "name": pod.metadata.name, "uid": pod.metadata.uid, "controller": True}
    metadata = {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}", "ownerReferences": [owner]}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": dict(spec)}
