"""Writes to pods are few at a time, and of several for one pod the last one counts."""

from __future__ import annotations

import asyncio

from extender.loops.pod_writes import MAX_IN_FLIGHT, PodName, PodWrites


async def test_no_more_than_a_few_are_under_way_and_the_last_word_counts() -> None:
    go = asyncio.Event()
    begun: list[tuple[str, int]] = []

    async def write(pod: PodName, value: int) -> None:
        begun.append((pod.name, value))
        await go.wait()

    writes = PodWrites(write, "test")
    pods = [PodName("shop", f"web-{number}", f"uid-{number}") for number in range(MAX_IN_FLIGHT + 2)]
    for value in (1, 2):
        for pod in pods:
            writes.put(pod, value)
            await asyncio.sleep(0)
    assert len(begun) == MAX_IN_FLIGHT
    go.set()
    await asyncio.sleep(0.01)
    await writes.stop()
    assert [value for name, value in begun if name == pods[-1].name] == [2]
