"""What kube-scheduler sends, nodes and images, made in one line each."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.images.content import ContentKind, FailureCause, ImageAnswer, ImageContent, ImageFailure, IndexEntry
from scheduler.images.media_types import OCI_INDEX, OCI_MANIFEST
from scheduler.images.platform import parse_platform
from scheduler.images.pod_images import Exempt, ResolvedImage, pod_images

IMAGE = "registry.example/acme/web:1"
UNREACHABLE = ImageFailure(FailureCause.NETWORK, "registry registry.example cannot be reached")


def a_node_document(
    name: str, architecture: str = "amd64", os: str = "linux", *, cpu: str = "8", pods: str = "110"
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/os": os,
                "kubernetes.io/arch": architecture,
                "kubernetes.io/hostname": name,
            },
            "managedFields": [{"manager": "kubelet", "operation": "Update"}],
        },
        "spec": {},
        "status": {
            "allocatable": {"cpu": cpu, "memory": "32Gi", "pods": pods},
            "images": [{"names": ["registry.example/base:1"], "sizeBytes": 100}],
            "nodeInfo": {
                "operatingSystem": os,
                "architecture": architecture,
                "containerRuntimeVersion": "containerd://2.2.1",
                "kernelVersion": "10.0.20348.2700" if os == "windows" else "6.12.0",
            },
        },
    }


def a_node(name: str, architecture: str = "amd64", os: str = "linux", **options: str) -> Node:
    return msgspec.convert(a_node_document(name, architecture, os, **options), Node)


def a_pod_document(name: str = "web-0", image: str = IMAGE, *, cpu: str = "100m", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "creationTimestamp": None,
            **metadata,
        },
        "spec": {"containers": [{"name": "main", "image": image, "resources": {"requests": {"cpu": cpu}}}]},
        "status": {},
    }


def a_pod(name: str = "web-0", image: str = IMAGE, *, cpu: str = "100m", **metadata: Any) -> Pod:
    return msgspec.convert(a_pod_document(name, image, cpu=cpu, **metadata), Pod)


def an_index(*platforms: str) -> ImageContent:
    """An image for each of the platforms."""
    entries = tuple(
        IndexEntry(f"sha256:{number:064d}", OCI_MANIFEST, parse_platform(text)) for number, text in enumerate(platforms)
    )
    return ImageContent(f"sha256:{'f' * 64}", ContentKind.INDEX, OCI_INDEX, entries=entries)


def pod_info(cache: Cache, answer: ImageAnswer | Exempt, name: str = "web-0", *, cpu: str = "100m") -> PodInfo:
    """A pod all of whose images have the same answer."""
    pod = a_pod(name, cpu=cpu)
    return make_pod_info(pod, tuple(ResolvedImage(image, answer) for image in pod_images(pod)), cache.classes)


def a_cache(*nodes: Node) -> Cache:
    cache = Cache()
    for node in nodes:
        cache.add_node(node)
    return cache


def a_mixed_cache() -> Cache:
    """Two nodes each of arm64 and amd64 Linux, and one of Windows."""
    return a_cache(
        a_node("arm-0", "arm64"),
        a_node("arm-1", "arm64"),
        a_node("amd-0"),
        a_node("amd-1"),
        a_node("win-0", os="windows"),
    )


def extender_args(
    *, pod: dict[str, Any] | None = None, names: list[str] | None = None, nodes: list[dict[str, Any]] | None = None
) -> bytes:
    """The body of filter or prioritize, as kube-scheduler writes it: what is not given is null."""
    items = None if nodes is None else {"metadata": {}, "items": nodes}
    return msgspec.json.encode({"Pod": pod or a_pod_document(), "Nodes": items, "NodeNames": names})
