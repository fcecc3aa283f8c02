"""Which claims are used where: by which pods' volumes, on which rows.

Owns the counts. What follows from a use (an attached volume, a claim that only one pod may use) is for ``volumes``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from scheduler.cluster.volumes.pod_volumes import ClaimUse


class ClaimUses:
    """Claim (namespace/name) -> row -> use -> how many volumes of pods on the row are that."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[int, Counter[ClaimUse]]] = {}
        self._direct: Counter[str] = Counter()

    def add(self, row: int, use: ClaimUse) -> None:
        self._rows.setdefault(use.key, {}).setdefault(row, Counter())[use] += 1
        if use.owner is None:
            self._direct[use.key] += 1

    def remove(self, row: int, use: ClaimUse) -> None:
        """The reverse of ``add`` with the same use."""
        rows = self._rows[use.key]
        counts = rows[row]
        counts[use] -= 1
        if not counts[use]:
            del counts[use]
        if not counts:
            del rows[row]
        if not rows:
            del self._rows[use.key]
        if use.owner is None:
            self._direct[use.key] -= 1
            if not self._direct[use.key]:
                del self._direct[use.key]

    def is_used(self, key: str) -> bool:
        """Whether any placed pod names the claim; those of ephemeral volumes are named by none."""
        return key in self._direct

    def of(self, key: str) -> Mapping[int, Counter[ClaimUse]]:
        """Row -> uses of one claim."""
        return self._rows.get(key, {})

    def __iter__(self) -> Iterator[str]:
        """The claims in use."""
        return iter(self._rows)
