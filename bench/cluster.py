"""The cluster and the pods that benchmarks decide about, made up but shaped like real ones.

Owns the shapes: nodes as a kubelet registers them (labels, taints, images, allocatable), of the platforms that the
scheduler is for; pods as a Deployment makes them. They are written as JSON and decoded, so that memory is counted as it
would be for objects from an API server.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.images.content import ContentKind, ImageContent, IndexEntry
from scheduler.images.media_types import OCI_INDEX, OCI_MANIFEST
from scheduler.images.platform import Platform
from scheduler.images.pod_images import ResolvedImage, pod_images

IMAGES_PER_NODE = 50
"""A kubelet reports that many at most (nodeStatusMaxImages)."""

_PLATFORMS = (("linux", "amd64"), ("linux", "arm64"), ("linux", "amd64"), ("linux", "arm64"), ("windows", "amd64"))
_NODES = msgspec.json.Decoder(Node)
_PODS = msgspec.json.Decoder(Pod)


def a_bench_node(number: int) -> Node:
    """Node ``number``: two of five amd64, two arm64, one Windows; every fiftieth is tainted."""
    os, architecture = _PLATFORMS[number % len(_PLATFORMS)]
    name = f"node-{number:06d}"
    labels = {
        "kubernetes.io/os": os,
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": "m7.4xlarge",
        "topology.kubernetes.io/region": "north",
        "topology.kubernetes.io/zone": f"north-{number % 3}",
    }
    windows = os == "windows"
    info = {
        "operatingSystem": os,
        "architecture": architecture,
        "containerRuntimeVersion": "containerd://2.2.0",
        "kernelVersion": "10.0.20348.2700" if windows else "6.12.0",
    }
    images = [_node_image(image) for image in range(number % 7, number % 7 + IMAGES_PER_NODE)]
    taints = [{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}] if number % 50 == 0 else []
    allocatable = {"cpu": "15890m", "memory": "62Gi", "ephemeral-storage": "180Gi", "pods": "110"}
    return _NODES.decode(
        msgspec.json.encode(
            {
                "metadata": {"name": name, "uid": f"node-uid-{number}", "labels": labels},
                "spec": {"taints": taints},
                "status": {"allocatable": allocatable, "images": images, "nodeInfo": info},
            }
        )
    )


def a_bench_pod(
    number: int,
    pod_class: int,
    cpu: str = "100m",
    selector: dict[str, str] | None = None,
    spec: Mapping[str, object] | None = None,
) -> Pod:
    """Pod ``number`` of the Deployment ``pod_class``; pods of one Deployment are one class to the scheduler.

    ``spec`` is laid over what every pod has.
    """
    app = f"app-{pod_class}"
    resources = {"requests": {"cpu": cpu, "memory": f"{128 + pod_class}Mi"}}
    return _PODS.decode(
        msgspec.json.encode(
            {
                "metadata": {
                    "name": f"{app}-{number:06d}",
                    "namespace": "bench",
                    "uid": f"pod-uid-{number}",
                    "labels": {"app": app, "pod-template-hash": "5d8f"},
                    "ownerReferences": [
                        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": app, "uid": app, "controller": True}
                    ],
                },
                "spec": {
                    "schedulerName": "multiarch-scheduler",
                    "containers": [{"name": "main", "image": f"registry.example/{app}:1", "resources": resources}],
                    "nodeSelector": selector or {},
                    "tolerations": [
                        {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute"}
                        for what in ("not-ready", "unreachable")
                    ],
                    **(spec or {}),
                },
            }
        )
    )


MULTI_PLATFORM = ImageContent(
    "sha256:" + "1" * 64,
    ContentKind.INDEX,
    OCI_INDEX,
    entries=tuple(
        IndexEntry(f"sha256:{number:064d}", OCI_MANIFEST, Platform("linux", architecture))
        for number, architecture in enumerate(("amd64", "arm64"))
    ),
)
"""An image for Linux on amd64 and arm64."""


def resolved(pod: Pod) -> tuple[ResolvedImage, ...]:
    """The pod's images, all of them multi-platform ones."""
    return tuple(ResolvedImage(image, MULTI_PLATFORM) for image in pod_images(pod))


def _node_image(number: int) -> dict[str, object]:
    repository = f"registry.example/team-{number % 11}/service-{number}"
    return {
        "names": [f"{repository}@sha256:{number:064d}", f"{repository}:v{number}"],
        "sizeBytes": 80_000_000 + number,
    }
