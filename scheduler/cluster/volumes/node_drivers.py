"""What each node's CSI drivers can do, as its CSINode says: which are there, for how many volumes, of which old kinds.

Owns the columns over rows. A cluster without CSINodes has none of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheduler.api.storage import CSINode
from scheduler.cluster.columns import Mask, Rows, count, grown

NO_LIMIT = -1
Limits = NDArray[np.int64]


class NodeDrivers:
    """Columns over rows. ``put`` and ``clear`` bring a row up to date; the rest reads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.present: Mask = np.zeros(capacity, dtype=np.bool_)
        """Rows that have a CSINode."""
        self.limited: Mask = np.zeros(capacity, dtype=np.bool_)
        """Rows that limit the volumes of some driver."""
        self._known: dict[int, CSINode] = {}
        self._installed: dict[str, Mask] = {}
        self._limits: dict[str, Limits] = {}
        self._migrated: dict[str, Mask] = {}

    def grow(self, capacity: int) -> None:
        self._capacity = capacity
        self.present = grown(self.present, capacity)
        self.limited = grown(self.limited, capacity)
        self._installed = {name: grown(column, capacity) for name, column in self._installed.items()}
        self._migrated = {name: grown(column, capacity) for name, column in self._migrated.items()}
        for name, column in self._limits.items():
            self._limits[name] = np.concatenate((column, np.full(capacity - len(column), NO_LIMIT, dtype=np.int64)))

    def put(self, row: int, node: CSINode) -> None:
        """What the row's node says now."""
        self.clear(row)
        self._known[row] = node
        self.present[row] = True
        for driver in node.spec.drivers:
            self._mask(self._installed, driver.name)[row] = True
            if driver.limit is not None:
                self.limited[row] = True
                if driver.name not in self._limits:
                    self._limits[driver.name] = np.full(self._capacity, NO_LIMIT, dtype=np.int64)
                self._limits[driver.name][row] = driver.limit
        for plugin in node.migrated_plugins:
            self._mask(self._migrated, plugin)[row] = True

    def clear(self, row: int) -> None:
        """The row has no CSINode (any more)."""
        known = self._known.pop(row, None)
        if known is None:
            return
        self.present[row] = self.limited[row] = False
        for driver in known.spec.drivers:
            self._installed[driver.name][row] = False
            if driver.name in self._limits:
                self._limits[driver.name][row] = NO_LIMIT
        for plugin in known.migrated_plugins:
            self._migrated[plugin][row] = False

    def installed(self, driver: str, rows: Rows) -> Mask:
        """bool[rows]: where the driver is."""
        column = self._installed.get(driver)
        return np.zeros(count(rows), dtype=np.bool_) if column is None else column[rows]

    def limit(self, driver: str) -> Limits | None:
        """int64[capacity]: how many of the driver's volumes a row can attach, or NO_LIMIT; None: none limits them."""
        return self._limits.get(driver)

    def migrated(self, plugin: str, rows: Rows) -> Mask:
        """bool[rows]: which hand volumes of the old plugin to its CSI driver."""
        column = self._migrated.get(plugin)
        return np.zeros(count(rows), dtype=np.bool_) if column is None else column[rows]

    def _mask(self, columns: dict[str, Mask], name: str) -> Mask:
        if name not in columns:
            columns[name] = np.zeros(self._capacity, dtype=np.bool_)
        return columns[name]
