"""Which events are written, and which only counted: the memory behind ``event_recorder``.

Owns the deduplication of events.k8s.io/v1 as client-go does it (``tools/events/event_broadcaster.go``): what repeats
within six minutes becomes a series, whose count is written at the second time, then about every half hour, and at its
end. What makes two occurrences the same does not hold the note, but the version of the pod: a pod that is retried for
hours in vain stays with one event, and once its condition has told something new, which makes a new version, the next
failure is a new event.

Pure: takes times, returns what to write.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import msgspec

EventType = Literal["Normal", "Warning"]

FINISH_SECONDS = 360.0
"""A series without an occurrence for so long has ended."""

REFRESH_SECONDS = 1800.0
"""A series that goes on is written so often, before the API server forgets the event (after an hour)."""

_LONGEST_NAME = 253


class EventKey(msgspec.Struct, frozen=True):
    """What makes two occurrences the same."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    type: EventType
    reason: str
    action: str


class EventWrite(msgspec.Struct, frozen=True):
    """One event to create, or (``count`` above 1) the count of an event to change. Times in seconds since 1970."""

    key: EventKey
    event_name: str
    note: str
    first_observed: float
    last_observed: float
    count: int


class _Series(msgspec.Struct):
    event_name: str
    note: str
    first_observed: float
    last_observed: float
    written_at: float
    count: int = 1
    written_count: int = 1


class EventSeries:
    """The series that go on, at most ``limit``; the one that was quiet for longest makes room."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._series: OrderedDict[EventKey, _Series] = OrderedDict()
        self._last_stamp = 0

    def __len__(self) -> int:
        return len(self._series)

    def observe(self, key: EventKey, note: str, now: float) -> list[EventWrite]:
        """Something happened at ``now``. Usually returns one event to write, or none when it is only counted."""
        series = self._series.get(key)
        if series is None:
            return [*self._evict(), self._open(key, note, now)]
        self._series.move_to_end(key)
        series.count += 1
        series.last_observed = now
        return [_write(key, series, now)] if series.count == 2 else []

    def sweep(self, now: float) -> list[EventWrite]:
        """Called about once a minute: counts that are due, and the end of what went quiet."""
        writes: list[EventWrite] = []
        for key, series in list(self._series.items()):
            if now - series.last_observed > FINISH_SECONDS:
                del self._series[key]
                writes += _unwritten(key, series)
            elif series.count > 1 and now - series.written_at >= REFRESH_SECONDS:
                writes.append(_write(key, series, now))
        return writes

    def finish(self) -> list[EventWrite]:
        """The process ends: the counts that are not written yet."""
        writes = [write for key, series in self._series.items() for write in _unwritten(key, series)]
        self._series.clear()
        return writes

    def _open(self, key: EventKey, note: str, now: float) -> EventWrite:
        series = _Series(self._name(key, now), note, now, now, written_at=now)
        self._series[key] = series
        return _write(key, series, now)

    def _evict(self) -> list[EventWrite]:
        if len(self._series) < self._limit:
            return []
        return _unwritten(*self._series.popitem(last=False))

    def _name(self, key: EventKey, now: float) -> str:
        """``<pod>.<nanoseconds in hex>``; a pod's name may be as long as an event's name may be, and is cut then."""
        self._last_stamp = max(self._last_stamp + 1, int(now * 1e9))
        stamp = f"{self._last_stamp:x}"
        return f"{key.name[: _LONGEST_NAME - 1 - len(stamp)].rstrip('.-')}.{stamp}"


def _write(key: EventKey, series: _Series, now: float) -> EventWrite:
    series.written_at = now
    series.written_count = series.count
    return EventWrite(key, series.event_name, series.note, series.first_observed, series.last_observed, series.count)


def _unwritten(key: EventKey, series: _Series) -> list[EventWrite]:
    return [_write(key, series, series.last_observed)] if series.count > series.written_count else []
