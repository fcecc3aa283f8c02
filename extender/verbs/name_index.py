"""Node names in JSON -> rows of the node table, thousands at once.

Owns one trick: names are hashed as they stand in the request's bytes, eight bytes at a time and all names together, so
that no name becomes a Python object. A name is known by 64 bits of hash; that two of a cluster's nodes share them is
refused while building, and that a name nobody knows meets one by chance is less likely than a fault of the memory.

``["node-1","node-22"]``: quotes give starts and ends; a name's windows are its 8-byte pieces, the last one ending with
the name and overlapping the one before; of a name shorter than 8 bytes, what stands before it is shifted out.

The slow twin is ``slow_rows``, which also takes what the trick does not: white space, escapes, names beyond MAX_NAME.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.wire.arguments import read_node_names
from scheduler.cluster.node_table import NodeTable

WINDOW: Final = 8
MAX_NAME: Final = 253
"""RFC 1123 subdomains are no longer."""
SLOTS_PER_NODE: Final = 8
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_PADDING: Final = b" " * WINDOW
"""Before the array, so that the window of a short first name exists."""
_QUOTE, _COMMA = ord('"'), ord(",")

Rows = NDArray[np.intp]


class NameIndex:
    """Follows a node table. ``rows`` is what it is for; nobody may write into what it returns."""

    def __init__(self, nodes: NodeTable) -> None:
        self._nodes = nodes
        self._seen = -1
        self._names: list[str | None] = []
        self.names: NDArray[np.object_] = np.zeros(0, dtype=np.object_)
        """str[size]: the name of each row, None where there is no node. After ``rows``, as of then."""
        self._last: tuple[bytes, Rows] = b"", np.zeros(0, dtype=np.intp)
        """The last array that was read, and its answer."""
        self._build()

    def rows(self, raw: msgspec.Raw) -> Rows | None:
        """The row of each name of a JSON array, in its order; None if some name is no node's, or for ``slow_rows``."""
        self._catch_up()
        text = bytes(raw)
        if text == self._last[0]:  # the same nodes in the same order: a hundred times cheaper to see than to find out
            return self._last[1]
        rows = self._found(text)
        if rows is not None:
            self._last = text, rows
        return rows

    def _found(self, text: bytes) -> Rows | None:
        found = _hashed(_PADDING + text)
        if found is None:
            return None
        if not len(found):
            return np.zeros(0, dtype=np.intp)
        first, second = self._slots
        rows: Rows = first[found >> self._shift].astype(np.intp)
        missed = np.flatnonzero(self._hashes[rows] != found)
        if len(missed):
            left = found[missed]
            again = second[(left * _MULTIPLIER) >> self._shift].astype(np.intp)
            for place in np.flatnonzero(self._hashes[again] != left).tolist():
                row = self._crowded.get(int(left[place]))
                if row is None:
                    return None
                again[place] = row
            rows[missed] = again
        return rows

    def _catch_up(self) -> None:
        """Builds anew when nodes have come or gone; other news of them changes nothing here."""
        log = self._nodes.facts
        if log.sequence == self._seen:
            return
        changed = log.since(self._seen) if self._seen >= 0 else None
        self._seen = log.sequence
        names = self._current_names() if changed is None else self._names
        if changed is not None:
            names = list(names) + [None] * (self._nodes.size - len(names))
            for row in set(changed.tolist()):
                names[row] = self._nodes.name(row) if self._nodes.live[row] else None
        if names != self._names:
            self._names = names
            self.names = np.array(names, dtype=np.object_)
            self._build()

    def _current_names(self) -> list[str | None]:
        names: list[str | None] = [None] * self._nodes.size
        for row, node in self._nodes:
            names[row] = node.name
        return names

    def _build(self) -> None:
        """Two tables, and a dictionary for the few whose places are taken in both."""
        live = [(row, name) for row, name in enumerate(self._names) if name is not None]
        bits = max(int(len(live) * SLOTS_PER_NODE).bit_length(), 4)
        self._shift = np.uint64(64 - bits)
        self._last = b"", np.zeros(0, dtype=np.intp)
        nowhere = len(self._names)  # the row of free slots, whose hash nobody has
        self._hashes: NDArray[np.uint64] = np.zeros(nowhere + 1, dtype=np.uint64)
        first, second = (np.full(2**bits, nowhere, dtype=np.int32) for _ in range(2))
        self._slots = first, second
        self._crowded: dict[int, int] = {}
        found = _hashed(_PADDING + msgspec.json.encode([name for _, name in live])) if live else None
        if found is None:
            return
        rows = np.array([row for row, _ in live], dtype=np.int32)
        distinct, counts = np.unique(found, return_counts=True)
        alone = np.isin(found, distinct[counts == 1])
        rows, found = rows[alone], found[alone]
        self._hashes[rows] = found
        first[found >> self._shift] = rows
        left = first[found >> self._shift] != rows
        rows, found = rows[left], found[left]
        second[(found * _MULTIPLIER) >> self._shift] = rows
        left = second[(found * _MULTIPLIER) >> self._shift] != rows
        self._crowded = dict(zip(found[left].tolist(), rows[left].tolist(), strict=True))


def _hashed(raw: bytes) -> NDArray[np.uint64] | None:
    """A hash, never 0, of each string of a compact JSON array of strings without escapes; None for anything else."""
    data = np.frombuffer(raw, dtype=np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    if not len(quotes):
        return np.zeros(0, dtype=np.uint64) if raw.endswith(b"  []") else None
    starts, ends = quotes[0::2] + 1, quotes[1::2]
    if len(quotes) % 2 or not _is_compact(raw, data, starts, ends):
        return None
    lengths = ends - starts
    longest = int(lengths.max())
    if longest > MAX_NAME:
        return None
    windows = np.ndarray((len(raw) - WINDOW + 1,), "<u8", raw, strides=(1,))
    last = windows[ends - WINDOW]
    if int(lengths.min()) < WINDOW:
        last = np.where(lengths, last >> (np.maximum(WINDOW - lengths, 0).clip(max=7) * 8).astype(np.uint64), 0)
    mixed = _mixed(lengths.astype(np.uint64), last)
    for offset in range(0, longest - WINDOW, WINDOW):
        pieces = windows[np.minimum(starts + offset, ends - WINDOW)]
        mixed = np.where(lengths > offset + WINDOW, _mixed(mixed, pieces), mixed)
    return mixed | np.uint64(1)


def _mixed(state: NDArray[np.uint64], piece: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (state ^ piece) * _MULTIPLIER
    return mixed ^ (mixed >> np.uint64(29))


def _is_compact(raw: bytes, data: NDArray[np.uint8], starts: Rows, ends: Rows) -> bool:
    """Whether nothing stands between the strings but one comma each, and nothing in them is escaped."""
    return (
        raw[WINDOW : WINDOW + 2] == b'["'
        and raw.endswith(b'"]')
        and int(ends[-1]) == len(raw) - 2
        and b"\\" not in raw
        and bool((starts[1:] - ends[:-1] == 3).all())
        and bool((data[ends[:-1] + 1] == _COMMA).all())
    )


def slow_rows(raw: msgspec.Raw, nodes: NodeTable) -> tuple[Sequence[str], list[int | None]]:
    """The names one by one, and the row of each that is a node's. Raises MalformedBody."""
    names = read_node_names(raw)
    return names, [nodes.row_of(name) for name in names]
