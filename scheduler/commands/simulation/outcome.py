"""What a simulation came to, in the form in which ``-o json`` prints it."""

from __future__ import annotations

import msgspec

from scheduler.commands.simulation.utilisation import PlatformUse


class Placement(msgspec.Struct, rename="camel"):
    """``workload``: what the pod comes from; ``platform``: that of the node."""

    pod: str
    workload: str
    node: str
    platform: str


class Evicted(msgspec.Struct, rename="camel"):
    """``preemptor``: the pod for which room was made."""

    pod: str
    node: str
    preemptor: str


class Unplaced(msgspec.Struct, rename="camel"):
    """All pods that were left for one reason. ``workloads``: how many pods of each."""

    reason: str
    count: int
    workloads: dict[str, int]
    pods: list[str]


class Outcome(msgspec.Struct, rename="camel"):
    """``notes``: what the reader must know to judge the rest."""

    nodes: int
    pods: int
    placements: list[Placement]
    utilisation: list[PlatformUse]
    evictions: list[Evicted]
    unplaced: list[Unplaced]
    notes: list[str]

    @property
    def left(self) -> int:
        """How many pods have no node."""
        return sum(group.count for group in self.unplaced)
