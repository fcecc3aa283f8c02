"""What the garbage collector is spared, and that it still finds what has to be found."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from scheduler.loops import garbage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_was_read_at_the_start_is_not_searched_again_but_what_comes_later_is() -> None:
    cluster = [[number] for number in range(1_000)]
    garbage.keep_what_there_is()
    assert gc.get_freeze_count() > len(cluster)
    later: list[object] = []
    later.append(later)
    del later
    assert gc.collect() >= 1


def test_searches_are_seldom_and_go_on() -> None:
    garbage.search_seldom()
    assert gc.isenabled()
    assert gc.get_threshold()[0] > 700, "the interpreter's own"
