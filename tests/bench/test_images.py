"""The registry side keeps what it promises: few requests, one flight for a crowd, quick look-ups."""

from __future__ import annotations

import io

from rich.console import Console

from bench import images


async def test_an_index_costs_one_get_and_a_single_manifest_two() -> None:
    cold, _ = await images.cold_and_warm(60, look_ups=60)
    assert (cold.indexes, cold.singles) == (30, 30)
    assert (cold.heads, cold.gets_of_indexes, cold.gets_of_singles) == (60, 30, 60)
    assert cold.seconds < 10 * 60 / 1000  # a thousand in ten seconds


async def test_ten_thousand_pods_of_one_image_are_one_flight() -> None:
    assert (await images.crowd(10_000)).flights == 1


async def test_a_warm_look_up_takes_microseconds() -> None:
    """On an idle core it takes about 0.9; 2 are promised, and other processes get the rest of the margin."""
    _, warm = await images.cold_and_warm(100, look_ups=50_000)
    assert warm.microseconds < 6


async def test_the_table_can_be_read() -> None:
    cold, warm = await images.cold_and_warm(4, look_ups=100)
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as printed:
        console.print(images.table(cold, await images.crowd(5), warm))
    text = printed.get()
    assert "4 distinct images, cold" in text
    assert "5 pods of one image" in text
