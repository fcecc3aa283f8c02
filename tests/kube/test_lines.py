from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.kube.errors import MalformedAnswer
from scheduler.kube.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@given(st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"a", b"\n"))))
async def test_lines_do_not_depend_on_where_the_chunks_are_cut(chunks: list[bytes]) -> None:
    *whole, _unfinished = b"".join(chunks).split(b"\n")
    assert [line async for line in split_lines(_chunks(*chunks), 1000)] == [line for line in whole if line]


async def test_a_line_without_end_is_dropped() -> None:
    assert [line async for line in split_lines(_chunks(b"one\ntw", b"o"), 10)] == [b"one"]


async def test_a_line_that_never_ends_is_given_up() -> None:
    with pytest.raises(MalformedAnswer, match="longer than 10 bytes"):
        [line async for line in split_lines(_chunks(b"fine\n", b"123456", b"78901"), 10)]
