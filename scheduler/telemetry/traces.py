"""Attempts to schedule pods as OpenTelemetry traces: a span for the attempt, and in it one for each of its parts.

Owns the exporter and the choice of which attempts are told. Spans are made when an attempt is over, from times that
were taken anyway, so an attempt that is not told costs nothing; they are written by a thread, and lost rather than
waited for. OpenTelemetry is imported when there is a collector only: most people have none.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from scheduler.config.strict import InvalidSettings
from scheduler.config.tracing import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE = "multiarch-scheduler"
FLUSH_MILLISECONDS = 2000
EXPORT_SECONDS = 2.0

Attributes = Mapping[str, str | int]


class Part(NamedTuple):
    """A part of an attempt, from and to in Unix time."""

    name: str
    began: float
    ended: float


class Traces:
    """``told`` is called when an attempt is over. Raises InvalidSettings when made without what it needs."""

    def __init__(self, settings: TracingSettings) -> None:
        self._rate = settings.sampling_rate_per_million / 1e6
        self._provider = None if settings.endpoint is None else _provider(settings.endpoint)
        self._tracer = None if self._provider is None else self._provider.get_tracer("multiarch_scheduler")

    def told(self, name: str, parts: Sequence[Part], attributes: Attributes, fault: str | None = None) -> None:
        """An attempt is over, of which there is at least one part. ``fault``: what went wrong."""
        if self._tracer is None or random.random() >= self._rate:
            return
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        attempt = self._tracer.start_span(name, start_time=_ns(parts[0].began), attributes=dict(attributes))
        for part in parts:
            inside = self._tracer.start_span(
                part.name, context=set_span_in_context(attempt), start_time=_ns(part.began)
            )
            inside.end(_ns(part.ended))
        if fault is not None:
            attempt.set_status(Status(StatusCode.ERROR, fault))
        attempt.end(_ns(parts[-1].ended))

    def stop(self) -> None:
        """Writes what is left, for a short time. Blocks: call it in a thread."""
        if self._provider is not None:
            self._provider.force_flush(FLUSH_MILLISECONDS)
            self._provider.shutdown()


def _provider(endpoint: str) -> TracerProvider:
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidSettings(f"tracing.endpoint: the extra 'traces' is not installed: {error}") from error
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(endpoint)))
    return provider


def _exporter(endpoint: str) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
