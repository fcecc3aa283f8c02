"""Settings of traces: whether attempts to schedule pods are told to a collector, and how many of them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from scheduler.config.strict import InvalidSettings, Strict


class TracingSettings(Strict, frozen=True):
    """As Kubernetes' own components have them, with OTLP over HTTP. Needs the extra ``traces`` to be installed."""

    endpoint: str | None = None
    """URL of a collector, such as http://otel-collector.monitoring:4318/v1/traces. Default: none; no traces."""
    sampling_rate_per_million: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1000
    """How many of a million attempts are told. Default: 1000."""


def check_tracing(tracing: TracingSettings, source: str) -> None:
    """Raises InvalidSettings."""
    if tracing.endpoint is not None and not tracing.endpoint.startswith(("http://", "https://")):
        raise InvalidSettings(f"{source}: tracing.endpoint: {tracing.endpoint!r} is no http or https URL")
