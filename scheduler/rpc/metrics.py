"""Metrics of the calls, under the names that gRPC servers commonly use for theirs.

Owns the instruments; ``calls`` moves them.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram


class RpcMetrics:
    """On the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._handled = Counter(
            "grpc_server_handled_total",
            "Calls that were answered, or failed, by the code of their status.",
            ["grpc_service", "grpc_method", "grpc_code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from a call's start to its end; of a stream, as long as it was open.",
            ["grpc_service", "grpc_method"],
            registry=registry,
        )

    def handled(self, service: str, method: str, code: str, seconds: float) -> None:
        self._handled.labels(service, method, code).inc()
        self._seconds.labels(service, method).observe(seconds)
