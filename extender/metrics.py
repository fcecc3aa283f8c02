"""The extender's own metrics, beside those of images. Owns the instruments; whoever does the work moves them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scheduler.telemetry.image_metrics import ImageMetrics

VERBS = ("filter", "prioritize", "preempt", "bind")
_AT_ONCE = 400
"""Movements of instruments that wait at most."""

_SECONDS = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics(ImageMetrics):
    """All instruments, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        super().__init__(self.registry)
        requests = Counter(
            "extender_requests_total",
            "Calls answered, by verb and by result (ok, error).",
            ["verb", "result"],
            registry=self.registry,
        )
        seconds = Histogram(
            "extender_request_duration_seconds",
            "Time from a call's last byte to its answer, in seconds, by verb.",
            ["verb"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        nodes = Counter(
            "extender_nodes_total",
            "Nodes that calls came with (in) and that answers kept (out), by verb.",
            ["verb", "direction"],
            registry=self.registry,
        )
        self._unknown = Counter(
            "extender_unknown_total",
            "Calls answered by the policy for unknown images, by verb and by what is wrong with the first such image.",
            ["verb", "reason"],
            registry=self.registry,
        )
        self._nominations = Counter(
            "extender_nominations_total",
            "Pods nominated to a node that was not among those asked about, when narrowing or delegated.",
            registry=self.registry,
        )
        self._refused = Counter(
            "extender_refused_requests_total",
            "HTTP requests that reached no verb, by status.",
            ["status"],
            registry=self.registry,
        )
        self._problems = Counter(
            "extender_problems_total",
            "Problems that were survived, by part (watch, connection, secret, wake, nominate, certificate).",
            ["part"],
            registry=self.registry,
        )
        self._sizes = Gauge(
            "extender_size",
            "Nodes and placed pods known, pods assumed, sets of images followed, connections open.",
            ["of"],
            registry=self.registry,
        )
        # Looked up once: labels() costs more than what is measured here.
        self._ok = {verb: requests.labels(verb, "ok") for verb in VERBS}
        self._error = {verb: requests.labels(verb, "error") for verb in VERBS}
        self._took = {verb: seconds.labels(verb) for verb in VERBS}
        self._in = {verb: nodes.labels(verb, "in") for verb in VERBS}
        self._out = {verb: nodes.labels(verb, "out") for verb in VERBS}
        self._later: list[tuple[Callable[[float], None], float]] = []
        """What is to be moved by how much: kube-scheduler need not wait for that."""

    def answered(self, verb: str, seconds: float, *, error: bool) -> None:
        self._later += (
            ((self._error if error else self._ok)[verb].inc, 1.0),
            (self._took[verb].observe, seconds),
        )
        if len(self._later) >= _AT_ONCE:
            self._settle()

    def nodes(self, verb: str, nodes_in: int, nodes_out: int) -> None:
        self._later += ((self._in[verb].inc, nodes_in), (self._out[verb].inc, nodes_out))

    def unknown(self, verb: str, reason: str) -> None:
        self._unknown.labels(verb, reason).inc()

    def nominated(self) -> None:
        self._nominations.inc()

    def refused(self, status: int) -> None:
        self._refused.labels(str(status)).inc()

    def problem(self, part: str) -> None:
        self._problems.labels(part).inc()

    def sizes(self, **sizes: int) -> None:
        for of, size in sizes.items():
            self._sizes.labels(of).set(size)

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        self._settle()
        return generate_latest(self.registry)

    def _settle(self) -> None:
        for move, amount in self._later:
            move(amount)
        self._later.clear()
