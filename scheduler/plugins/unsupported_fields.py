"""UnsupportedFields: a pod that asks for what is not decided here yet is not placed as if it had not asked.

Ours, and meant to go: kube-scheduler's plugin VolumeBinding and its relatives decide these fields; until they are here,
such pods wait with a sentence that names the field.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.api.pod import PodSpec, Volume
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import SKIP, PreFilterAnswer, PreFilterPlugin
from scheduler.framework.status import Code, Rejection

_VOLUMES = {
    "persistent_volume_claim": "persistentVolumeClaim",
    "ephemeral": "ephemeral",
    "gce_persistent_disk": "gcePersistentDisk",
    "aws_elastic_block_store": "awsElasticBlockStore",
    "iscsi": "iscsi",
    "rbd": "rbd",
}
"""Sources that bind a pod to certain nodes."""


class UnsupportedFields(PreFilterPlugin):
    """Rejects the whole pod in PreFilter. No event helps: only a changed pod does, which is tried anew anyway."""

    name = "UnsupportedFields"

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        fields = dict.fromkeys(_unsupported(pod_class.spec))
        if not fields:
            return SKIP
        reason = f"the pod uses {', '.join(fields)}, which multiarch-scheduler cannot take into account yet"
        return Rejection(Code.UNRESOLVABLE, self.name, (reason,))


def _unsupported(spec: PodSpec) -> Iterator[str]:
    for volume in spec.volumes:
        yield from _unsupported_sources(volume)


def _unsupported_sources(volume: Volume) -> Iterator[str]:
    for attribute, name in _VOLUMES.items():
        if getattr(volume, attribute) is not None:
            yield f"spec.volumes[].{name}"
