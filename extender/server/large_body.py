"""A body of known length, read straight to where it stays: whole nodes come in megabytes, which copies would double."""

from __future__ import annotations

LARGE = 128 * 1024
"""Bytes from which on that is worth it."""


class LargeBody:
    """``begun``: what came of it together with the head."""

    def __init__(self, length: int, begun: list[bytes]) -> None:
        self.bytes = bytearray(length)
        self.room = memoryview(self.bytes)
        """What is still to be filled."""
        for part in begun:
            self.room[: len(part)] = part
            self.filled(len(part))

    @property
    def is_complete(self) -> bool:
        return not self.room

    def filled(self, count: int) -> None:
        """So many bytes more are there."""
        self.room = self.room[count:]
