"""Which rows changed, and since when: what lets a cached result be repaired row by row instead of computed anew.

Owns a bounded memory of the latest changes. Whoever caches a result notes ``sequence`` and later asks ``since``; an
answer of None means that the log has forgotten, and the result must be computed from scratch.
"""

from __future__ import annotations

import numpy as np

from scheduler.cluster.columns import RowIndexes

DEFAULT_LENGTH = 16_384
"""128 KB. A reader that lags further behind is better off computing everything anew."""


class ChangeLog:
    """The last ``length`` touched rows, in order, in a ring that is written twice so that every answer is one slice.

    ``[..|new|old..][..|new|old..]``: entry ``k`` stands at ``k % length`` of both halves, hence any ``length``
    entries in a row stand side by side somewhere.
    """

    def __init__(self, length: int = DEFAULT_LENGTH) -> None:
        self.sequence = 0
        """How many changes there have been."""
        self._length = length
        self._ring = np.zeros(2 * length, dtype=np.intp)

    def touch(self, row: int) -> None:
        place = self.sequence % self._length
        self._ring[place] = row
        self._ring[place + self._length] = row
        self.sequence += 1

    def since(self, sequence: int) -> RowIndexes | None:
        """The rows touched since then, oldest first, with repeats; None if some are forgotten.

        A view into the ring: use it before the next touch.
        """
        missed = self.sequence - sequence
        if missed > self._length:
            return None
        start = sequence % self._length
        return self._ring[start : start + missed]

    def latest(self) -> int:
        """The row touched last."""
        return int(self._ring[(self.sequence - 1) % self._length])
