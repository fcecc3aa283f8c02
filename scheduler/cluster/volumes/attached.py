"""Which volumes are attached to which rows, and how many per driver: what attach limits are compared with.

Owns the counts. A volume that several pods of a node use counts once, and so does one whose VolumeAttachment is there
as well (upstream: ``plugins/nodevolumelimits/csi.go``, Filter).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.columns import grown
from scheduler.cluster.volumes.migration import Attachable

COUNT = np.int32
"""Of volumes on one node."""
Counts = NDArray[np.int32]


class AttachedVolumes:
    """A driver has a column from its first attached volume on; without CSI there are none."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._by_pods: dict[Attachable, Counter[int]] = {}
        self._by_attachments: dict[Attachable, Counter[int]] = {}
        self._counts: dict[str, Counts] = {}

    def grow(self, capacity: int) -> None:
        self._capacity = capacity
        self._counts = {driver: grown(column, capacity) for driver, column in self._counts.items()}

    def count(self, driver: str) -> Counts | None:
        """int32[capacity]: volumes of the driver per row; None if it has never had any."""
        return self._counts.get(driver)

    def on(self, row: int) -> dict[str, int]:
        """Volumes on this row, by driver."""
        return {driver: count for driver, column in self._counts.items() if (count := int(column[row]))}

    def rows_of_pods(self, volume: Attachable) -> Iterable[int]:
        """The rows whose pods use the volume."""
        return self._by_pods.get(volume, {}).keys()

    def users(self, row: int, volume: Attachable) -> int:
        """How many volumes of pods on the row are this one."""
        return self._by_pods.get(volume, Counter())[row]

    def count_if(self, row: int, driver: str, change: Mapping[Attachable, int]) -> int:
        """How many volumes of the driver the row would have if so many more (or fewer) of its pods used these."""
        column = self._counts.get(driver)
        total = 0 if column is None else column.item(row)
        for volume, number in change.items():
            if volume.driver == driver and row not in self._by_attachments.get(volume, ()):
                users = self.users(row, volume)
                total += (users + number > 0) - (users > 0)
        return total

    def add_use(self, row: int, volume: Attachable, uses: int = 1) -> None:
        """Pods on the row use the volume ``uses`` times more."""
        self._add(self._by_pods, self._by_attachments, row, volume, uses)

    def remove_use(self, row: int, volume: Attachable, uses: int = 1) -> None:
        """The reverse of ``add_use``."""
        self._remove(self._by_pods, self._by_attachments, row, volume, uses)

    def add_attachment(self, row: int, volume: Attachable) -> None:
        """A VolumeAttachment says that the volume is attached to the row's node."""
        self._add(self._by_attachments, self._by_pods, row, volume, 1)

    def remove_attachment(self, row: int, volume: Attachable) -> None:
        """The reverse of ``add_attachment``."""
        self._remove(self._by_attachments, self._by_pods, row, volume, 1)

    def _add(
        self,
        mine: dict[Attachable, Counter[int]],
        others: dict[Attachable, Counter[int]],
        row: int,
        volume: Attachable,
        uses: int,
    ) -> None:
        rows = mine.setdefault(volume, Counter())
        if row not in rows and row not in others.get(volume, ()):
            column = self._counts.get(volume.driver)
            if column is None:
                column = self._counts[volume.driver] = np.zeros(self._capacity, dtype=COUNT)
            column[row] += 1
        rows[row] += uses

    def _remove(
        self,
        mine: dict[Attachable, Counter[int]],
        others: dict[Attachable, Counter[int]],
        row: int,
        volume: Attachable,
        uses: int,
    ) -> None:
        rows = mine[volume]
        rows[row] -= uses
        if rows[row]:
            return
        del rows[row]
        if not rows:
            del mine[volume]
        if row not in others.get(volume, ()):
            self._counts[volume.driver][row] -= 1
