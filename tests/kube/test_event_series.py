from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.kube.event_series import FINISH_SECONDS, REFRESH_SECONDS, EventKey, EventSeries, EventWrite

NOW = 1_790_000_000.0


def key(name: str = "web", reason: str = "FailedScheduling", version: str = "7") -> EventKey:
    return EventKey("default", name, f"uid-{name}", version, "Warning", reason, "Scheduling")


def observe(series: EventSeries, note: str = "no", at: float = 0.0, of: EventKey | None = None) -> list[EventWrite]:
    return series.observe(of or key(), note, NOW + at)


def counts(writes: list[EventWrite]) -> list[tuple[str, int]]:
    return [(write.note, write.count) for write in writes]


def test_the_first_time_is_created_the_second_makes_a_series_and_more_are_counted() -> None:
    series = EventSeries()
    assert [counts(observe(series, at=second)) for second in range(5)] == [[("no", 1)], [("no", 2)], [], [], []]


def test_a_series_keeps_its_event_and_its_beginning() -> None:
    series = EventSeries()
    [first], [second] = observe(series), observe(series, at=5)
    assert (second.event_name, second.first_observed) == (first.event_name, NOW)
    assert (first.last_observed, second.last_observed) == (NOW, NOW + 5)


def test_what_differs_in_more_than_the_note_is_another_event() -> None:
    series = EventSeries()
    names = {
        write.event_name
        for of in (key(), key("other"), key(reason="Scheduled"), EventKey("x", "web", "u", "7", "Warning", "r", "a"))
        for write in observe(series, of=of)
    }
    assert len(names) == 4


def test_a_new_event_is_named_after_the_pod_and_the_time() -> None:
    [write] = observe(EventSeries())
    assert write.event_name == f"web.{int(NOW * 1e9):x}"


@pytest.mark.parametrize("length", [1, 235, 236, 237, 253])
def test_the_event_of_a_pod_with_a_long_name_still_has_a_legal_name(length: int) -> None:
    pod = ("a" * (length - 1) + "-" * (length > 1))[: length - 1] + "b" if length > 1 else "b"
    [write] = observe(EventSeries(), of=key(pod))
    assert len(write.event_name) <= 253
    assert "-." not in write.event_name
    assert ".." not in write.event_name


def test_events_of_one_moment_have_different_names() -> None:
    series = EventSeries()
    names = [write.event_name for reason in "abcdefgh" for write in observe(series, of=key(reason=reason))]
    assert len(set(names)) == 8


def test_a_series_ends_after_six_quiet_minutes_with_its_last_count() -> None:
    series = EventSeries()
    for second in range(4):
        observe(series, at=second)
    assert series.sweep(NOW + FINISH_SECONDS) == []
    assert counts(series.sweep(NOW + FINISH_SECONDS + 4)) == [("no", 4)]
    assert len(series) == 0
    assert counts(observe(series, at=FINISH_SECONDS + 5)) == [("no", 1)]


def test_a_single_event_is_forgotten_without_a_word() -> None:
    series = EventSeries()
    observe(series)
    assert series.sweep(NOW + FINISH_SECONDS + 1) == []
    assert len(series) == 0


def test_a_series_that_goes_on_is_refreshed_every_half_hour() -> None:
    series = EventSeries()
    refreshed = []
    for minute in range(91):
        observe(series, at=60 * minute)
        refreshed += [(minute, write.count) for write in series.sweep(NOW + 60 * minute)]
    assert REFRESH_SECONDS == 1800
    assert refreshed == [(31, 32), (61, 62)]


def test_a_changed_note_is_counted_in_the_event_of_the_first() -> None:
    series = EventSeries()
    observe(series, "the image is not known yet")
    assert counts(observe(series, "built for linux/s390x", at=1)) == [("the image is not known yet", 2)]


def test_a_pod_that_was_written_since_gets_a_new_event() -> None:
    """Its condition has told the first note, and so the pod has a new version."""
    series = EventSeries()
    observe(series, "the image is not known yet")
    assert counts(observe(series, "built for linux/s390x", at=1, of=key(version="8"))) == [("built for linux/s390x", 1)]


def test_memory_is_bounded_and_what_makes_room_writes_its_count() -> None:
    series = EventSeries(limit=3)
    for name in "abc":
        for second in range(3):
            observe(series, at=second, of=key(name))
    observe(series, at=4, of=key("a"))  # now b was quiet for longest
    assert [(write.key.name, write.count) for write in observe(series, at=5, of=key("d"))] == [("b", 3), ("d", 1)]
    assert len(series) == 3


def test_at_the_end_the_counts_that_are_not_written_are() -> None:
    series = EventSeries()
    for name, times in (("a", 1), ("b", 2), ("c", 5)):
        for second in range(times):
            observe(series, at=second, of=key(name))
    assert [(write.key.name, write.count) for write in series.finish()] == [("c", 5)]
    assert series.finish() == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 400)), max_size=40))
def test_no_occurrence_is_lost_in_the_counts(happenings: list[tuple[str, str, int]]) -> None:
    series = EventSeries(limit=2)
    written: dict[str, int] = {}
    at = 0.0
    for name, note, pause in happenings:
        at += pause
        for write in [*series.sweep(NOW + at), *observe(series, note, at, key(name))]:
            assert write.count >= written.get(write.event_name, 0)
            written[write.event_name] = write.count
    for write in series.finish():
        written[write.event_name] = write.count
    assert sum(written.values()) == len(happenings)
