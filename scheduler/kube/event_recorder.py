"""Events about pods, written to events.k8s.io/v1 without ever holding up who records them.

Owns the queue, its bounds and the writing; ``event_series`` decides what is worth writing. Events come after what is
more urgent: while there is no ``room`` they wait, and are written as soon as there is, or when too many wait. Loses
rather than blocks: a full queue, a refusal, or an API server that stays away cost events, which are counted and
reported. Texts and reasons come from the callers (reference: kube-scheduler, 9.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

import msgspec

from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import AlreadyExists, ApiError, NotFound, explain
from scheduler.kube.event_series import EventKey, EventSeries, EventType, EventWrite
from scheduler.kube.rate_limit import RateLimit
from scheduler.kube.retrying import retrying
from scheduler.kube.timestamps import rfc3339_micro

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler.api.pod import Pod
    from scheduler.kube.requests import ApiClient

_LONGEST_NOTE = 1024
"""Bytes; the API server refuses more."""

_CUT = " ..."
_LONGEST_INSTANCE = 128
_SWEEP_SECONDS = 60.0
_QUIET_SECONDS = 60.0
"""Losses are reported at most so often: when one event is lost, so are usually all."""


@dataclasses.dataclass(frozen=True, slots=True)
class EventSettings:
    """Bounds of the recorder."""

    queue: int = 20_000
    """Events that wait to be written, of about 600 bytes each; more are dropped."""

    backlog: int = 5_000
    """Events that wait for room; while there are more, they are written whether there is room or not."""

    patience: float = 1.0
    """Seconds that one writer waits for room, so that even a scheduler that is never idle writes some."""

    rate: float = 1000.0
    """Writes per second, over time."""

    burst: int = 1000
    """Writes at once after a pause."""

    writers: int = 8
    """Requests under way at a time: leaves most of the client's connections to binds."""

    attempts: int = 12
    """Of one event while the API server is away, as in client-go."""

    first_delay: float = 0.5
    longest_delay: float = 10.0
    """Between those attempts, in seconds."""


@dataclasses.dataclass(slots=True)
class EventStats:
    """Counts since the start."""

    recorded: int = 0
    written: int = 0
    dropped: int = 0
    """Not written: the queue was full, the API server refused or stayed away, or the process ended."""


class _Metadata(msgspec.Struct):
    name: str
    namespace: str


class _Regarding(msgspec.Struct, rename="camel"):
    kind: str
    namespace: str
    name: str
    uid: str
    api_version: str
    resource_version: str


class _Series(msgspec.Struct, rename="camel"):
    count: int
    last_observed_time: str


class _Event(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    metadata: _Metadata
    event_time: str
    reporting_controller: str
    reporting_instance: str
    action: str
    reason: str
    regarding: _Regarding
    note: str
    type: str
    series: _Series | msgspec.UnsetType = msgspec.UNSET


class _SeriesPatch(msgspec.Struct):
    series: _Series


_encoder = msgspec.json.Encoder()


class EventRecorder:
    """Records from anywhere in the event loop; ``run`` writes.

    ``reporting_controller`` is the scheduler's name, ``reporting_instance`` that and the host's name. ``clock`` gives
    seconds since 1970 (the events' times), ``monotonic`` paces the writing. ``room`` is set while events are in
    nobody's way; None: always.
    """

    def __init__(
        self,
        client: ApiClient,
        reporting_controller: str,
        reporting_instance: str,
        *,
        settings: EventSettings | None = None,
        room: asyncio.Event | None = None,
        on_problem: Callable[[str], None] = lambda problem: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._controller = reporting_controller
        self._instance = reporting_instance[:_LONGEST_INSTANCE]
        self._settings = settings or EventSettings()
        self._room = room
        self._on_problem = on_problem
        self._clock = clock
        self._monotonic = monotonic
        self._series = EventSeries()
        self._queue: asyncio.Queue[EventWrite] = asyncio.Queue(self._settings.queue)
        self._pace = RateLimit(self._settings.rate, self._settings.burst)
        self._reported_at = float("-inf")
        self.unfinished = 0
        """Events that are queued or being written."""
        self._running = False
        self._closing = False
        self._closed = asyncio.Event()
        self.stats = EventStats()

    def record(self, pod: Pod, type_: EventType, reason: str, action: str, note: str) -> None:
        """Note that something happened to ``pod``. Never waits; a note of more than 1024 bytes is cut."""
        self.stats.recorded += 1
        metadata = pod.metadata
        key = EventKey(
            metadata.namespace, metadata.name, metadata.uid, metadata.resource_version, type_, reason, action
        )
        self._enqueue(self._series.observe(key, cut_note(note), self._clock()))

    async def run(self) -> None:
        """Write until ``stop`` or cancelled."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._write_queued()) for _ in range(self._settings.writers)]
                tasks.append(group.create_task(self._sweep()))
                await self._closed.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._running = False

    async def stop(self, seconds: float = 5.0) -> None:
        """Write what is queued and the counts of all series, for at most ``seconds``; then end ``run``.

        What remains is counted as dropped, and so is what is recorded later. May be called twice.
        """
        self._enqueue(self._series.finish())
        self._closing = True
        if self._room is not None:
            self._room.set()  # nothing is more urgent any more
        if self._running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._queue.join()
        self.stats.dropped += self.unfinished
        self.unfinished = 0
        self._closed.set()

    def _enqueue(self, writes: list[EventWrite]) -> None:
        for write in writes:
            if self._closing:
                self.stats.dropped += 1
            elif self._queue.full():
                self._lost(write, f"{self._settings.queue:,} others are waiting to be written")
            else:
                self._queue.put_nowait(write)
                self.unfinished += 1

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._enqueue(self._series.sweep(self._clock()))

    async def _write_queued(self) -> None:
        while True:
            write = await self._queue.get()
            await self._until_room()
            delay = 0.0 if self._closing else self._pace.reserve(self._monotonic())
            if delay > 0.0:
                await asyncio.sleep(delay)
            await self._write(write)
            self.unfinished -= 1
            self._queue.task_done()

    async def _until_room(self) -> None:
        room = self._room
        if room is None or room.is_set() or self._closing or self._queue.qsize() >= self._settings.backlog:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.patience):
                await room.wait()

    async def _write(self, write: EventWrite) -> None:
        settings = self._settings
        backoff = Backoff(settings.first_delay, limit=settings.longest_delay)
        try:
            await retrying(lambda: self._send(write), attempts=settings.attempts, backoff=backoff)
        except ApiError as error:
            self._lost(write, explain(error, self._client.server))
        else:
            self.stats.written += 1

    def _lost(self, write: EventWrite, why: str) -> None:
        self.stats.dropped += 1
        now = self._monotonic()
        if now - self._reported_at >= _QUIET_SECONDS:
            self._reported_at = now
            self._on_problem(f"an event about pod {write.key.namespace}/{write.key.name} is lost: {why}")

    async def _send(self, write: EventWrite) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{write.key.namespace}/events"
        series = _Series(write.count, rfc3339_micro(write.last_observed)) if write.count > 1 else None
        if series is not None:
            try:
                await self._client.patch(f"{path}/{write.event_name}", _encoder.encode(_SeriesPatch(series)))
            except NotFound:
                pass  # forgotten by the API server, or overtaken by the creation that is still under way
            else:
                return
        with contextlib.suppress(AlreadyExists):  # then an earlier attempt did arrive
            await self._client.post(path, _encoder.encode(self._event(write, series)))

    def _event(self, write: EventWrite, series: _Series | None) -> _Event:
        key = write.key
        return _Event(
            api_version="events.k8s.io/v1",
            kind="Event",
            metadata=_Metadata(write.event_name, key.namespace),
            event_time=rfc3339_micro(write.first_observed),
            reporting_controller=self._controller,
            reporting_instance=self._instance,
            action=key.action,
            reason=key.reason,
            regarding=_Regarding("Pod", key.namespace, key.name, key.uid, "v1", key.resource_version),
            note=write.note,
            type=key.type,
            series=msgspec.UNSET if series is None else series,
        )


def cut_note(note: str) -> str:
    """At most 1024 bytes of UTF-8, no character cut in two."""
    encoded = note.encode()
    if len(encoded) <= _LONGEST_NOTE:
        return note
    return encoded[: _LONGEST_NOTE - len(_CUT)].decode(errors="ignore") + _CUT
