"""What a reflector delivered, in order; and waiting for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler.api.node import Node


class RecordingHandler:
    """A handler that keeps ``(verb, names)``, and the picture that results."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.nodes: dict[str, Node] = {}

    def replaced(self, items: list[Node]) -> None:
        self.calls.append(("replaced", [node.name for node in items]))
        self.nodes = {node.name: node for node in items}

    def added(self, item: Node) -> None:
        self.calls.append(("added", item.name))
        self.nodes[item.name] = item

    def modified(self, item: Node) -> None:
        self.calls.append(("modified", item.name))
        self.nodes[item.name] = item

    def deleted(self, item: Node) -> None:
        self.calls.append(("deleted", item.name))
        del self.nodes[item.name]


async def until(condition: Callable[[], object]) -> None:
    """Return once ``condition`` holds; a test that waits for more than five seconds has failed."""
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)
