"""Which nodes have which image: what the plugin ImageLocality scores by.

Owns the counts per image name (upstream: ``pkg/scheduler/backend/cache/cache.go``, addNodeImageStates). Names are kept
as the kubelets report them; which name a pod's image is looked up by is the plugin's business.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scheduler.api.node import ContainerImage


class ImageState:
    """One image name. The size is that of the first node which reported it, for all nodes, as upstream has it."""

    __slots__ = ("_rows", "size")

    def __init__(self, size: int) -> None:
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
        if row not in self:
            self._rows.insert(bisect_left(self._rows, row), row)

    def discard(self, row: int) -> None:
        if row in self:
            del self._rows[bisect_left(self._rows, row)]


class ImageStates:
    """Image name -> who has it. A name that no node has is forgotten, its size with it."""

    def __init__(self) -> None:
        self._states: dict[str, ImageState] = {}

    def get(self, name: str) -> ImageState | None:
        return self._states.get(name)

    def add(self, row: int, images: Iterable[ContainerImage]) -> None:
        for image in images:
            for name in image.names or ():
                state = self._states.get(name)
                if state is None:
                    state = self._states[name] = ImageState(image.size_bytes)
                state.add(row)

    def remove(self, row: int, images: Iterable[ContainerImage]) -> None:
        for image in images:
            for name in image.names or ():
                state = self._states.get(name)
                if state is not None:
                    state.discard(row)
                    if not len(state):
                        del self._states[name]
