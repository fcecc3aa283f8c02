"""How full the nodes of each platform are: what they offer, and what is asked of it, of cpu, memory and pods."""

from __future__ import annotations

import msgspec
import numpy as np

from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.resources import CPU_COLUMN, MEMORY_COLUMN, PODS_COLUMN
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform

RESOURCES = {"cpu": CPU_COLUMN, "memory": MEMORY_COLUMN, "pods": PODS_COLUMN}


class Use(msgspec.Struct, rename="camel"):
    """Cpu in thousandths, memory in bytes, pods as a count; ``before`` and ``after`` are what is requested."""

    allocatable: int
    before: int
    after: int


class PlatformUse(msgspec.Struct, rename="camel"):
    """All nodes of one platform, by resource."""

    platform: str
    nodes: int
    resources: dict[str, Use]


Requested = dict[str, dict[str, int]]
"""Platform -> resource -> amount."""


def platform_of(nodes: NodeTable, row: int) -> str:
    return platform_name(nodes.platform_values.value(int(nodes.platforms[row])))


def platform_name(found: NodePlatform) -> str:
    platform = Platform(found.os, found.architecture, found.variant, found.os_version)
    return str(platform) if platform.os and platform.architecture else "unknown"


def requested(nodes: NodeTable) -> Requested:
    """What is asked of the nodes now."""
    return {
        name: {resource: int(nodes.resources.requested[column][rows].sum()) for resource, column in RESOURCES.items()}
        for name, rows in _rows_by_platform(nodes).items()
    }


def utilisation(nodes: NodeTable, before: Requested) -> list[PlatformUse]:
    """By platform, in the order of their names."""
    after = requested(nodes)
    return [
        PlatformUse(
            name,
            len(rows),
            {
                resource: Use(
                    int(nodes.resources.allocatable[column][rows].sum()), before[name][resource], after[name][resource]
                )
                for resource, column in RESOURCES.items()
            },
        )
        for name, rows in sorted(_rows_by_platform(nodes).items())
    ]


def _rows_by_platform(nodes: NodeTable) -> dict[str, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    rows: dict[str, list[int]] = {}
    for row, _ in nodes:
        rows.setdefault(platform_of(nodes, row), []).append(row)
    return {name: np.array(found, dtype=np.intp) for name, found in rows.items()}
