"""The scheduler's metrics, named, labelled and bucketed as kube-scheduler's where the thing is the same.

Dashboards made for kube-scheduler (``pkg/scheduler/metrics/metrics.go``) thus work unchanged. What only this scheduler
has is called ``image_platform_*``. Owns the instruments; the loops move them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from scheduler.telemetry.image_metrics import ImageMetrics

CONTENT_TYPE = CONTENT_TYPE_LATEST


def _exponential(first: float, factor: float, count: int) -> list[float]:
    return [first * factor**power for power in range(count)]


class Metrics(ImageMetrics):
    """All instruments, on a registry of their own so that two schedulers in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        super().__init__(self.registry)
        ProcessCollector(registry=self.registry)
        self._attempts = Counter(
            "scheduler_schedule_attempts_total",
            "Attempts to schedule pods, by result.",
            ["result", "profile"],
            registry=self.registry,
        )
        self._attempt_seconds = Histogram(
            "scheduler_scheduling_attempt_duration_seconds",
            "Scheduling attempt latency in seconds (decision and binding).",
            ["result", "profile"],
            buckets=_exponential(0.001, 2, 15),
            registry=self.registry,
        )
        self.algorithm_seconds = Histogram(
            "scheduler_scheduling_algorithm_duration_seconds",
            "Decision latency in seconds.",
            buckets=_exponential(0.001, 2, 15),
            registry=self.registry,
        )
        self.pod_attempts = Histogram(
            "scheduler_pod_scheduling_attempts",
            "Attempts it took to schedule a pod.",
            buckets=_exponential(1, 2, 5),
            registry=self.registry,
        )
        self._sli_seconds = Histogram(
            "scheduler_pod_scheduling_sli_duration_seconds",
            "Time from a pod's first entry into the queue until it was bound, in seconds.",
            ["attempts"],
            buckets=_exponential(0.01, 2, 20),
            registry=self.registry,
        )
        self._pending = Gauge(
            "scheduler_pending_pods", "Pending pods, by where they wait.", ["queue"], registry=self.registry
        )
        self._incoming = Counter(
            "scheduler_queue_incoming_pods_total",
            "Pods that entered a queue, by event.",
            ["queue", "event"],
            registry=self.registry,
        )
        self._unschedulable = Gauge(
            "scheduler_unschedulable_pods",
            "Unschedulable pods, by plugin that rejected a node for them.",
            ["plugin", "profile"],
            registry=self.registry,
        )
        self._cache_size = Gauge(
            "scheduler_cache_size", "Nodes, pods and assumed pods in the cache.", ["type"], registry=self.registry
        )
        self._leader = Gauge(
            "leader_election_master_status",
            "1 while this process holds the lease of that name, 0 while it stands by.",
            ["name"],
            registry=self.registry,
        )
        self.resolution_seconds = Histogram(
            "image_platform_resolution_duration_seconds",
            "Time it took to learn the platforms of all images of a pod that were not known yet.",
            buckets=_exponential(0.001, 2, 16),
            registry=self.registry,
        )
        self._extension_point_seconds = Histogram(
            "scheduler_framework_extension_point_duration_seconds",
            "Latency of those extension points that stand alone here: PostFilter, PreBind, Bind.",
            ["extension_point", "status", "profile"],
            buckets=_exponential(0.0001, 2, 12),
            registry=self.registry,
        )
        # To find one by its labels takes several times as long as to move it, and these are moved for every pod.
        self._attempts_of = cache(self._attempts.labels)
        self._attempt_seconds_of = cache(self._attempt_seconds.labels)
        self._sli_seconds_of = cache(self._sli_seconds.labels)
        self._incoming_of = cache(self._incoming.labels)
        self._extension_point_seconds_of = cache(self._extension_point_seconds.labels)
        self._preemption_attempts = Counter(
            "scheduler_preemption_attempts_total",
            "Preemptions begun.",
            registry=self.registry,
        )
        self._preemption_victims = Histogram(
            "scheduler_preemption_victims",
            "Pods that one preemption evicts.",
            buckets=_exponential(1, 2, 7),
            registry=self.registry,
        )
        self._problems = Counter(
            "scheduler_problems_total",
            "Problems survived, by part (watch, binding, preemption, event, status, secret, credentials, sharing,"
            " lease).",
            ["part"],
            registry=self.registry,
        )

    def attempt(self, result: str, seconds: float, profile: str) -> None:
        """``result``: scheduled, unschedulable or error; ``profile``: the name by which the pod asks for it."""
        self._attempts_of(result, profile).inc()
        self._attempt_seconds_of(result, profile).observe(seconds)

    def extension_point(self, name: str, status: str, seconds: float, profile: str) -> None:
        """``name``: PostFilter, PreBind or Bind; ``status``: Success, Unschedulable or Error."""
        self._extension_point_seconds_of(name, status, profile).observe(seconds)

    def preempted(self, victims: int) -> None:
        self._preemption_attempts.inc()
        self._preemption_victims.observe(victims)

    def scheduled(self, attempts: int, seconds: float) -> None:
        self.pod_attempts.observe(attempts)
        self._sli_seconds_of("15+" if attempts >= 15 else str(attempts)).observe(seconds)

    def incoming(self, queue: str, event: str, count: int = 1) -> None:
        self._incoming_of(queue, event).inc(count)

    def pending(self, by_queue: Mapping[str, int], unschedulable: Mapping[tuple[str, str], int]) -> None:
        """``unschedulable``: by plugin and profile."""
        for queue, count in by_queue.items():
            self._pending.labels(queue).set(count)
        self._unschedulable.clear()
        for (plugin, profile), count in unschedulable.items():
            self._unschedulable.labels(plugin, profile).set(count)

    def cache_size(self, *, nodes: int, pods: int, assumed_pods: int) -> None:
        self._cache_size.labels("nodes").set(nodes)
        self._cache_size.labels("pods").set(pods)
        self._cache_size.labels("assumed_pods").set(assumed_pods)

    def leader(self, lease: str, *, leads: bool) -> None:
        self._leader.labels(lease).set(leads)

    def problem(self, part: str) -> None:
        self._problems.labels(part).inc()

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)
