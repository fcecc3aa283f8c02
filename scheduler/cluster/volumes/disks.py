"""Disks that pods name themselves and that two pods may fight over, and on which rows they are.

Owns the conflict rule (upstream: ``plugins/volumerestrictions``, isVolumeConflict) and the counts. Nobody counts disks
behind claims here: of those, only access mode and attach limits matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from scheduler.api.pod import Volume


class Disk(NamedTuple):
    kind: str
    identity: str
    monitors: frozenset[str] = frozenset()
    """Only RBD: two images are the same if they share a monitor."""
    read_only: bool = False
    """Those who all only read do not conflict."""

    def conflicts(self, other: Disk) -> bool:
        """Whether one node cannot have both."""
        if (self.kind, self.identity) != (other.kind, other.identity) or (self.read_only and other.read_only):
            return False
        return self.kind != "rbd" or not self.monitors.isdisjoint(other.monitors)


def disks(volumes: Iterable[Volume]) -> tuple[Disk, ...]:
    """The disks among the volumes of a pod."""
    found = []
    for volume in volumes:
        if volume.gce_persistent_disk is not None:
            gce = volume.gce_persistent_disk
            found.append(Disk("gce", gce.pd_name, read_only=gce.read_only))
        elif volume.aws_elastic_block_store is not None:
            found.append(Disk("ebs", volume.aws_elastic_block_store.volume_id))
        elif volume.iscsi is not None:
            found.append(Disk("iscsi", volume.iscsi.iqn, read_only=volume.iscsi.read_only))
        elif volume.rbd is not None:
            rbd = volume.rbd
            found.append(Disk("rbd", f"{rbd.pool}/{rbd.image}", frozenset(rbd.monitors), rbd.read_only))
    return tuple(found)


class DisksInUse:
    """(kind, identity) -> row -> disk -> by how many volumes of pods there."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, str], dict[int, Counter[Disk]]] = {}

    def add(self, row: int, held: Iterable[Disk]) -> None:
        for disk in held:
            self._holders.setdefault((disk.kind, disk.identity), {}).setdefault(row, Counter())[disk] += 1

    def remove(self, row: int, held: Iterable[Disk]) -> None:
        """The reverse of ``add`` with the same disks."""
        for disk in held:
            rows = self._holders[disk.kind, disk.identity]
            counts = rows[row]
            counts[disk] -= 1
            if not counts[disk]:
                del counts[disk]
            if not counts:
                del rows[row]
            if not rows:
                del self._holders[disk.kind, disk.identity]

    def rows_in_conflict(self, wanted: Disk) -> list[int]:
        """The rows where this disk cannot be had. O(rows that hold it)."""
        rows = self._holders.get((wanted.kind, wanted.identity), {})
        return [row for row, counts in rows.items() if any(map(wanted.conflicts, counts))]

    def left(self, row: int, wanted: Disk, without: Iterable[Disk]) -> Iterator[Disk]:
        """The disks of the same identity that are on the row, each once, if some uses of disks on it ended."""
        counts = self._holders.get((wanted.kind, wanted.identity), {}).get(row)
        if counts is not None:
            yield from counts - Counter(without)
