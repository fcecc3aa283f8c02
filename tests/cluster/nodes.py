"""Node manifests of a mixed cluster, with the labels and the status that a kubelet would have written.

Plain dicts for the API server; `kwok` makes them Ready. Labels: kubelet's `kubernetes.io/{arch,os,hostname}`, their
`beta` twins and, on Windows, `node.kubernetes.io/windows-build`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KWOK_ANNOTATION = ("kwok.x-k8s.io/node", "fake")

KUBELET_VERSION = "v1.37.2"

_WINDOWS_NAMES = {
    "10.0.17763": "Windows Server 2019 Datacenter",
    "10.0.20348": "Windows Server 2022 Datacenter",
    "10.0.26100": "Windows Server 2025 Datacenter",
}


class NodeOptions(TypedDict, total=False):
    """What every kind of node may be given; all of it has a default."""

    cpu: str
    memory: str
    pods: int
    zone: str
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]]
    unschedulable: bool
    runtime: str
    """`containerRuntimeVersion`, such as `cri-o://1.35.0`."""
    simulated: bool
    """Whether kwok plays its kubelet; without one it never becomes Ready."""


def amd64_node(name: str, **options: Unpack[NodeOptions]) -> dict[str, Any]:
    """An x86 Linux node."""
    return linux_node(name, "amd64", **options)


def arm64_node(name: str, **options: Unpack[NodeOptions]) -> dict[str, Any]:
    """An ARM Linux node."""
    return linux_node(name, "arm64", **options)


def linux_node(name: str, architecture: str, **options: Unpack[NodeOptions]) -> dict[str, Any]:
    """A Linux node of any architecture (Go's name for it: amd64, arm64, arm, ppc64le, s390x, riscv64)."""
    info = {"kernelVersion": "6.12.48", "osImage": "Debian GNU/Linux 13 (trixie)"}
    return _node(name, "linux", architecture, info, {}, options)


def windows_node(name: str, build: str = "10.0.20348", **options: Unpack[NodeOptions]) -> dict[str, Any]:
    """A Windows Server node (amd64). `build` is `10.0.20348` (2022), `10.0.17763` (2019) or one with a revision."""
    release = ".".join(build.split(".")[:3])
    kernel = build if build != release else f"{release}.2700"
    info = {"kernelVersion": kernel, "osImage": _WINDOWS_NAMES.get(release, f"Windows {release}")}
    return _node(name, "windows", "amd64", info, {"node.kubernetes.io/windows-build": release}, options)


def _node(
    name: str, system: str, architecture: str, info: Mapping[str, str], labels: Mapping[str, str], options: NodeOptions
) -> dict[str, Any]:
    zone = options.get("zone")
    resources = {
        "cpu": options.get("cpu", "8"),
        "memory": options.get("memory", "32Gi"),
        "ephemeral-storage": "100Gi",
        "pods": str(options.get("pods", 110)),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": system,
                "kubernetes.io/arch": architecture,
                "beta.kubernetes.io/os": system,
                "beta.kubernetes.io/arch": architecture,
                **labels,
                **({"topology.kubernetes.io/zone": zone} if zone else {}),
                **options.get("labels", {}),
            },
            "annotations": dict([KWOK_ANNOTATION]) if options.get("simulated", True) else {},
        },
        "spec": {
            "taints": [dict(taint) for taint in options.get("taints", ())],
            "unschedulable": options.get("unschedulable", False),
        },
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "nodeInfo": {
                "operatingSystem": system,
                "architecture": architecture,
                "containerRuntimeVersion": options.get("runtime", "containerd://2.2.1"),
                "kubeletVersion": KUBELET_VERSION,
                "kubeProxyVersion": "",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
                **info,
            },
        },
    }
