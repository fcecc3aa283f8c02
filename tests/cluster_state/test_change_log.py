"""Which rows changed since when, within a bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.cluster.change_log import ChangeLog


def test_a_reader_sees_what_was_touched_since_it_looked():
    log = ChangeLog()
    log.touch(3)
    seen = log.sequence
    log.touch(5)
    log.touch(3)
    assert log.since(seen).tolist() == [5, 3]
    assert log.since(log.sequence).tolist() == []


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(0, 40))
def test_a_reader_gets_exactly_what_it_missed_or_is_told_that_it_is_forgotten(rows, read_after):
    log = ChangeLog(length=8)
    seen = 0
    for number, row in enumerate(rows):
        if number == read_after:
            seen = log.sequence
        log.touch(row)
    missed = rows[seen:]
    answer = log.since(seen)
    if len(missed) > 8:
        assert answer is None
    else:
        assert answer.tolist() == missed
