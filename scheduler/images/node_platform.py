"""A node's platform: what can run there, read from its labels and its nodeInfo.

Owns the reading, and the defaults for what a Node object does not tell (the CPU's variant). What such a node accepts is
``acceptance``. Values are few per cluster, hashable and free of names, so the node table interns them and every rule
is evaluated once per distinct platform.

Order of the sources (kubelet, ``pkg/kubelet/kubelet_node_status.go``): the stable label, which the kubelet repairs at
every status update; the beta label; ``status.nodeInfo``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from scheduler.api.node import Node, NodeSystemInfo
from scheduler.images.platform import Platform
from scheduler.images.runtime import Runtime, runtime_of
from scheduler.images.windows_build import build_prefix, parse_version

OS_LABEL = "kubernetes.io/os"
ARCHITECTURE_LABEL = "kubernetes.io/arch"
BETA_OS_LABEL = "beta.kubernetes.io/os"
BETA_ARCHITECTURE_LABEL = "beta.kubernetes.io/arch"
WINDOWS_BUILD_LABEL = "node.kubernetes.io/windows-build"

VARIANT_LABEL = "multiarch-scheduler.io/variant"
"""What the node's CPU is, where the default is wrong: ``v6``, ``v9``, or an amd64 level such as ``v3``."""
FALLBACK_LABEL = "multiarch-scheduler.io/fallback"
"""``true``: containerd there takes 386 for amd64 and lower variants out of an index (local image pull)."""
ARM32_LABEL = "multiarch-scheduler.io/arm32"
"""``true``: the arm64 CPU there has a 32-bit mode. Many server CPUs have none."""

PLATFORM_LABELS = frozenset(
    {
        OS_LABEL,
        ARCHITECTURE_LABEL,
        BETA_OS_LABEL,
        BETA_ARCHITECTURE_LABEL,
        WINDOWS_BUILD_LABEL,
        VARIANT_LABEL,
        FALLBACK_LABEL,
        ARM32_LABEL,
    }
)
"""The labels whose change may change a node's platform."""

PRESENT_CONTAINERD = "containerd://2.3.5"
"""What is taken to run on nodes that are only thought of."""

_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}  # what containerd and CRI-O detect on nearly every such CPU
_BOOLEANS = {"true": True, "false": False}


class NodePlatform(msgspec.Struct, frozen=True, gc=False):
    """What decides about images on a node.

    ``os`` and ``architecture`` are Go's names, empty where the node does not say. ``variant``: of the CPU, empty for
    architectures without. ``os_version``: ``major.minor.build`` of Windows, empty elsewhere and where unknown.
    ``fallback`` and ``arm32``: what the node's labels say, None where they say nothing and the settings decide.
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    runtime: Runtime = Runtime.UNKNOWN
    fallback: bool | None = None
    arm32: bool | None = None

    @property
    def is_known(self) -> bool:
        return bool(self.os and self.architecture)

    def __str__(self) -> str:
        """``linux/arm64``, ``windows(10.0.20348)/amd64``: without a variant that is only assumed."""
        variant = "" if self.variant == _DEFAULT_VARIANTS.get(self.architecture, "") else self.variant
        os = self.os + (f"({self.os_version})" if self.os_version else "")
        return "/".join(filter(None, [os or "unknown", self.architecture or "unknown", variant]))


def node_platform(node: Node) -> NodePlatform:
    """The platform of a node as it stands now. A node that has not registered yet has empty fields."""
    return platform_of(node.metadata.labels, node.status.node_info)


def platform_of(labels: Mapping[str, str], info: NodeSystemInfo) -> NodePlatform:
    """The same for a node of which only this much was read."""
    os = labels.get(OS_LABEL) or labels.get(BETA_OS_LABEL) or info.operating_system
    architecture = labels.get(ARCHITECTURE_LABEL) or labels.get(BETA_ARCHITECTURE_LABEL) or info.architecture
    return NodePlatform(
        os,
        architecture,
        labels.get(VARIANT_LABEL) or _DEFAULT_VARIANTS.get(architecture, ""),
        _windows_version(labels, info) if os == "windows" else "",
        runtime_of(info.container_runtime_version),
        _BOOLEANS.get(labels.get(FALLBACK_LABEL, "")),
        _BOOLEANS.get(labels.get(ARM32_LABEL, "")),
    )


def typical_node(platform: Platform) -> NodePlatform:
    """As a node of that platform with a present containerd would report itself."""
    labels = {
        OS_LABEL: platform.os,
        ARCHITECTURE_LABEL: platform.architecture,
        VARIANT_LABEL: platform.variant,
        WINDOWS_BUILD_LABEL: platform.os_version,
    }
    return platform_of(labels, NodeSystemInfo(container_runtime_version=PRESENT_CONTAINERD))


def _windows_version(labels: Mapping[str, str], info: NodeSystemInfo) -> str:
    """Without the revision, which decides nothing: nodes that differ in it only share one platform."""
    claims = (labels.get(WINDOWS_BUILD_LABEL, ""), info.kernel_version)
    return next((build_prefix(claim) for claim in claims if parse_version(claim) is not None), "")


def disagreement(node: Node) -> str | None:
    """A sentence for an administrator when labels and nodeInfo contradict each other, else None.

    Someone edited a label, or a machine was rebuilt under an old name. The labels are believed.
    """
    labels = node.metadata.labels
    info = node.status.node_info
    reported = {OS_LABEL: info.operating_system, ARCHITECTURE_LABEL: info.architecture}
    if parse_version(info.kernel_version) is not None and info.operating_system == "windows":
        reported[WINDOWS_BUILD_LABEL] = build_prefix(info.kernel_version)
    contradictions = [
        f"label {label} says {labels[label]!r}, nodeInfo says {fact!r}"
        for label, fact in reported.items()
        if fact and labels.get(label) and labels[label] != fact
    ]
    return "; ".join(contradictions) or None
