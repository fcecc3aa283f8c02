"""Nodes as a kubelet registers them: labels, nodeInfo, capacity and conditions of the machines that clusters mix.

Owns the manifests. Which nodes a story has is in ``scenario``; who runs pods on them, in ``kubelets``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scheduler.sandbox.scenario import ARM_NODES, WINDOWS_2019_NODES, WINDOWS_2022_NODES, X86_NODES

Manifest = dict[str, Any]

KUBELET_VERSION = "v1.37.2"
_EVICTION_RESERVE_MIB = 100  # memory that a kubelet keeps from pods by default (evictionHard: memory.available)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a kind of machine reports of itself. ``build``: of Windows, as the kubelet labels it."""

    os: str
    architecture: str
    os_image: str
    kernel_version: str
    runtime_version: str = "containerd://2.1.4"
    build: str = ""


ARM64_LINUX = Machine("linux", "arm64", "Ubuntu 24.04.3 LTS", "6.8.0-1021-aws")
AMD64_LINUX = Machine("linux", "amd64", "Ubuntu 24.04.3 LTS", "6.8.0-71-generic")
WINDOWS_2019 = Machine(
    "windows", "amd64", "Windows Server 2019 Datacenter", "10.0.17763.6532", "containerd://1.7.28", "10.0.17763"
)
WINDOWS_2022 = Machine(
    "windows", "amd64", "Windows Server 2022 Datacenter", "10.0.20348.2849", "containerd://1.7.28", "10.0.20348"
)


def scenario_nodes(*, pods: int = 110) -> Iterator[Manifest]:
    """The nodes of the demo's scenario, each with room for so many pods."""
    kinds = (
        (ARM_NODES, ARM64_LINUX),
        (X86_NODES, AMD64_LINUX),
        (WINDOWS_2019_NODES, WINDOWS_2019),
        (WINDOWS_2022_NODES, WINDOWS_2022),
    )
    address = 10
    for names, machine in kinds:
        for name in names:
            address += 1
            yield node(name, machine, pods=pods, address=f"10.0.0.{address}")


def node(
    name: str,
    machine: Machine,
    *,
    cpus: int = 4,
    memory_gib: int = 16,
    pods: int = 110,
    address: str = "10.0.0.10",
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
) -> Manifest:
    """A node that is ready. ``labels`` are added to those that a kubelet sets."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": _labels(name, machine) | dict(labels or {}),
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {"taints": [dict(taint) for taint in taints]} if taints else {},
        "status": {
            "capacity": _resources(cpus, memory_gib * 1024, pods, disk_gib=100),
            "allocatable": _resources(cpus, memory_gib * 1024 - _EVICTION_RESERVE_MIB, pods, disk_gib=90),
            "conditions": _conditions(),
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": _node_info(name, machine),
        },
    }


def _labels(name: str, machine: Machine) -> dict[str, str]:
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": machine.os,
        "kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": machine.os,
        "beta.kubernetes.io/arch": machine.architecture,
    }
    return labels | ({"node.kubernetes.io/windows-build": machine.build} if machine.build else {})


def _resources(cpus: int, memory_mib: int, pods: int, *, disk_gib: int) -> dict[str, str]:
    return {
        "cpu": str(cpus),
        "memory": f"{memory_mib}Mi",
        "ephemeral-storage": f"{disk_gib}Gi",
        "pods": str(pods),
    }


def _conditions() -> list[dict[str, str]]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pressures = (
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "KubeletReady", "kubelet is posting ready status"),
    )
    return [
        {
            "type": kind,
            "status": "True" if kind == "Ready" else "False",
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, reason, message in pressures
    ]


def _node_info(name: str, machine: Machine) -> dict[str, str]:
    return {
        "architecture": machine.architecture,
        "operatingSystem": machine.os,
        "osImage": machine.os_image,
        "kernelVersion": machine.kernel_version,
        "containerRuntimeVersion": machine.runtime_version,
        "kubeletVersion": KUBELET_VERSION,
        "kubeProxyVersion": "",
        "machineID": name,
        "systemUUID": name,
        "bootID": name,
    }
