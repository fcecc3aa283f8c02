"""Numbers for values: one each, given back when no one holds the value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.cluster.interning import Interner


def test_equal_values_share_an_id_and_different_ones_do_not():
    interner = Interner[str]()
    assert interner.acquire("a") == interner.acquire("a")
    assert interner.acquire("b") != interner.acquire("a")
    assert len(interner) == 2


def test_an_id_is_given_to_another_value_only_after_the_last_release():
    interner = Interner[str]()
    first = interner.acquire("a")
    interner.acquire("a")
    interner.release(first)
    assert interner.value(first) == "a"
    interner.release(first)
    assert interner.id_of("a") is None
    with pytest.raises(KeyError):
        interner.value(first)
    assert interner.acquire("b") == first


def test_a_verdict_is_asked_for_once_per_distinct_value():
    interner = Interner[str]()
    ids = np.array([interner.acquire(value) for value in "abcabcabc"], dtype=np.int32)
    asked = []
    verdicts = interner.gather(lambda value: asked.append(value) or value != "b", ids, np.bool_)
    assert sorted(asked) == ["a", "b", "c"]
    assert verdicts.tolist() == [True, False, True] * 3


def test_for_few_rows_only_their_values_are_asked_for():
    interner = Interner[str]()
    for value in "abcdef":
        interner.acquire(value)
    asked = []
    interner.gather(lambda value: bool(asked.append(value)), np.array([2], dtype=np.int32), np.bool_)
    assert asked == ["c"]


def test_a_row_that_is_free_may_carry_an_id_that_no_value_has():
    interner = Interner[str]()
    gone = interner.acquire("a")
    interner.release(gone)
    assert interner.gather(lambda value: True, np.array([gone], dtype=np.int32), np.bool_).tolist() == [False]


def test_nothing_is_interned_yet_and_free_rows_ask_all_the_same():
    assert Interner[str]().gather(lambda value: True, np.zeros(3, dtype=np.int32), np.bool_).tolist() == [False] * 3


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans())))
def test_any_order_of_acquiring_and_releasing_leaves_what_is_held(steps):
    interner = Interner[str]()
    held: list[int] = []
    values: list[str] = []
    for value, is_release in steps:
        if is_release and held:
            interner.release(held.pop())
            values.pop()
        else:
            held.append(interner.acquire(value))
            values.append(value)
        assert [interner.value(number) for number in held] == values
        assert len(interner) == len(set(values))
