"""Node names in JSON -> rows of the node table, thousands at once.

Owns one trick: names are hashed as they stand in the request's bytes, eight bytes at a time and all names together, so
that no name becomes a Python object. A name is known by 64 bits of hash; that two of a cluster's nodes share them is
refused while building, and that a name nobody knows meets one by chance is less likely than a fault of the memory.

``["node-1","node-22"]``: quotes give starts and ends; a name's windows are its 8-byte pieces, the last one ending with
the name and overlapping the one before, and repeated for as many as the longest name has; of a name shorter than 8
bytes, what stands before it is shifted out.

The array must be JSON (whoever cut it out of a body has seen to that): then its bytes add up only if there is a comma
and nothing else between the names. The slow twin is ``slow_rows``, which also takes white space and escapes.
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
SLOTS_PER_NODE: Final = 8
SHORT: Final = 3_000
"""Bytes below which names are looked up one by one: 100 to 200 of them."""
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_FOLD: Final = np.uint64(29)
_PADDING: Final = b" " * WINDOW
"""Around the array, so that the windows of a short first or last name exist."""
_QUOTE: Final = ord('"')

Rows = NDArray[np.intp]


class NameIndex:
    """Follows a node table. ``rows`` is what it is for; nobody may write into what it returns.

    ``short``: bytes below which the names of an array are looked up one by one.
    """

    def __init__(self, nodes: NodeTable, short: int = SHORT) -> None:
        self._nodes = nodes
        self._short = short
        self._seen = -1
        self._names: list[str | None] = []
        """The name of each row, None where there is no node."""
        self._last: tuple[bytes, Rows] = b"", np.zeros(0, dtype=np.intp)
        """The last array that was read, and its answer."""
        self._build()

    def rows(self, raw: msgspec.Raw) -> Rows | None:
        """The row of each name of a JSON array, in its order; None if some name is no node's, or for ``slow_rows``.

        When it answers, ``split_names`` gives the names too.
        """
        self._catch_up()
        text = bytes(raw)
        if text == self._last[0]:  # the same nodes in the same order: a hundred times cheaper to see than to find out
            return self._last[1]
        if not text.startswith(b'["') or b"\\" in text:
            return np.zeros(0, dtype=np.intp) if text == b"[]" else None
        rows = self._few(text) if len(text) < self._short else self._found(text)
        if rows is not None:
            self._last = text, rows
        return rows

    def _few(self, text: bytes) -> Rows | None:
        """Of few names: as many steps as there are names are fewer than the trick takes."""
        rows = self._nodes.rows_of(split_names(text))
        return None if None in rows else np.array(rows, dtype=np.intp)

    def _found(self, text: bytes) -> Rows | None:
        found = _hashed(text, self._longest, self._shortest)
        if found is None:
            return None
        first, second = self._slots
        rows: Rows = first[found >> self._shift]
        others = second[(found * _MULTIPLIER) >> self._shift]
        rows = np.where(self._hashes[rows] == found, rows, others)
        fits = self._hashes[rows] == found
        if not fits.all():
            for place in np.flatnonzero(~fits).tolist():
                row = self._crowded.get(int(found[place]))
                if row is None:
                    return None
                rows[place] = row
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
        first, second = (np.full(2**bits, nowhere, dtype=np.intp) for _ in range(2))
        self._slots = first, second
        self._crowded: dict[int, int] = {}
        lengths = [len(name.encode()) for _, name in live]
        self._longest, self._shortest = max(lengths, default=0), min(lengths, default=WINDOW)
        text = msgspec.json.encode([name for _, name in live])
        found = _hashed(text, self._longest, self._shortest) if live and b"\\" not in text else None
        if found is None:
            return
        rows = np.array([row for row, _ in live], dtype=np.intp)
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


def _hashed(text: bytes, longest: int, shortest: int) -> NDArray[np.uint64] | None:
    """A hash of each string of a JSON array of strings without escapes; None if it is not as compact as can be.

    ``longest`` and ``shortest`` are the lengths that names may have: others are hashed to what no name is hashed to,
    since the length is a part of it.
    """
    raw = _PADDING + text + _PADDING
    quotes = (np.frombuffer(raw, dtype=np.uint8) == _QUOTE).nonzero()[0]
    starts, ends = quotes[0::2] + 1, quotes[1::2]
    lengths = ends - starts
    if len(text) != int(lengths.sum()) + 3 * len(lengths) + 1:  # two quotes each, and commas and brackets
        return None
    tails = ends - WINDOW
    windows = np.ndarray((len(raw) - WINDOW + 1,), "<u8", raw, strides=(1,))
    shift = (np.clip(WINDOW - lengths, 0, 7) * 8).astype(np.uint64) if shortest < WINDOW else None
    mixed: NDArray[np.uint64] = lengths.view(np.uint64)
    for offset in range(0, max(longest, WINDOW), WINDOW):
        if offset + WINDOW >= longest:
            at = tails
        else:
            at = np.minimum(starts + offset, tails) if offset or shortest < WINDOW else starts
        _mix(mixed, windows[at] if shift is None else windows[at] >> shift)
    return mixed


def _mix(state: NDArray[np.uint64], piece: NDArray[np.uint64]) -> None:
    """``piece`` into ``state``, in place: few names cost what calling numpy costs."""
    np.bitwise_xor(state, piece, out=state)
    np.multiply(state, _MULTIPLIER, out=state)
    np.bitwise_xor(state, state >> _FOLD, out=state)


def split_names(text: bytes) -> list[str]:
    """The names of a compact array."""
    return text[2:-2].decode().split('","')


def slow_rows(raw: msgspec.Raw, nodes: NodeTable) -> tuple[Sequence[str], list[int | None]]:
    """The names one by one, and the row of each that is a node's. Raises MalformedBody."""
    names = read_node_names(raw)
    return names, nodes.rows_of(names)
