"""Chunks of bytes as they arrive -> whole lines.

Bounded by its argument. A line without an end is dropped: it belongs to a connection that broke.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.kube.errors import MalformedAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable


async def split_lines(chunks: AsyncIterable[bytes], longest: int) -> AsyncGenerator[bytes, None]:
    """The non-empty lines, without their ends. Raises MalformedAnswer for one of more than ``longest`` bytes."""
    pieces: list[bytes] = []
    held = 0
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        pieces.append(first)
        held += len(first)
        if held > longest:
            raise MalformedAnswer(f"a line of the answer is longer than {longest} bytes")
        if not others:
            continue
        others.insert(0, b"".join(pieces))
        last = others.pop()
        pieces, held = [last], len(last)
        for line in others:
            if line:
                yield line
