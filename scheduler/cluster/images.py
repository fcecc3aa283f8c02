"""Which nodes have which image: what the plugin ImageLocality scores by.

Owns the counts per image name (upstream: ``pkg/scheduler/backend/cache/cache.go``, addNodeImageStates). Names are kept
as the kubelets report them; which name a pod's image is looked up by is the plugin's business.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from scheduler.api.node import ContainerImage


class ImageState:
    """One image name. The size is that of the first node which reported it, for all nodes, as upstream has it."""

    __slots__ = ("_rows", "name", "size")

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self._rows = array("i")

    def __len__(self) -> int:
        """How many nodes have it."""
        return len(self._rows)

    def __contains__(self, row: int) -> bool:
        place = bisect_left(self._rows, row)
        return place < len(self._rows) and self._rows[place] == row

    def rows(self) -> NDArray[np.int32]:
        """The rows of the nodes that have it, ascending. A view: use it at once."""
        return np.frombuffer(self._rows, dtype=np.int32) if self._rows else np.zeros(0, dtype=np.int32)

    def add(self, row: int) -> None:
        place = bisect_left(self._rows, row)
        if place == len(self._rows) or self._rows[place] != row:
            self._rows.insert(place, row)

    def discard(self, row: int) -> None:
        place = bisect_left(self._rows, row)
        if place < len(self._rows) and self._rows[place] == row:
            del self._rows[place]


class ImageStates:
    """Image name -> who has it. A name that no node has is forgotten, its size with it.

    Nodes report up to fifty images with two long names each; a name is kept once, here, and a row holds references.
    """

    def __init__(self) -> None:
        self._states: dict[str, ImageState] = {}
        self._of_row: dict[int, tuple[ImageState, ...]] = {}

    def get(self, name: str) -> ImageState | None:
        return self._states.get(name)

    def put(self, row: int, images: Iterable[ContainerImage]) -> bool:
        """What a node reports now. True if that changed anything."""
        sizes = {name: image.size_bytes for image in images for name in image.names or ()}
        known = self._of_row.get(row, ())
        if list(sizes) == [state.name for state in known] and not any(_was_resized(state, sizes) for state in known):
            return False
        self.remove(row)
        for name, size in sizes.items():
            self._states.setdefault(name, ImageState(name, size)).add(row)
        self._of_row[row] = tuple(self._states[name] for name in sizes)
        return True

    def remove(self, row: int) -> None:
        """The node is gone."""
        for state in self._of_row.pop(row, ()):
            state.discard(row)
            if not len(state):
                del self._states[state.name]


def _was_resized(state: ImageState, sizes: Mapping[str, int]) -> bool:
    """A size counts only from the first node that has the image, so only the last one left can change it."""
    return len(state) == 1 and state.size != sizes[state.name]
