"""Node: labels, taints, what it can hold, which images it has, and what it says of its platform.

Owns the shape only. The platform is read from it in ``scheduler.images.node_platform``.
"""

from __future__ import annotations

import msgspec

from scheduler.api.meta import ObjectMeta, WireStruct
from scheduler.api.pod import ResourceList


class Taint(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A value, so that nodes with the same taints can be told by one number."""

    key: str
    value: str = ""
    effect: str = ""


class NodeSpec(WireStruct):
    unschedulable: bool = False
    taints: list[Taint] = []


class ContainerImage(WireStruct):
    names: list[str] | None = None
    size_bytes: int = 0


class NodeSystemInfo(WireStruct):
    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    operating_system: str = ""
    architecture: str = ""


class NodeStatus(WireStruct):
    allocatable: ResourceList = {}
    images: list[ContainerImage] = []
    declared_features: list[str] = []
    node_info: NodeSystemInfo = msgspec.field(default_factory=NodeSystemInfo)


class Node(WireStruct):
    metadata: ObjectMeta
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)

    @property
    def name(self) -> str:
        return self.metadata.name
