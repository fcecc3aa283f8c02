"""The scheduler's metrics, named, labelled and bucketed as kube-scheduler's where the thing is the same.

Dashboards made for kube-scheduler (``pkg/scheduler/metrics/metrics.go``) thus work unchanged. What only this scheduler
has is called ``image_platform_*``. Owns the instruments; the loops move them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST

MOST_REGISTRIES = 100
"""Registries that have time series of their own."""


def _exponential(first: float, factor: float, count: int) -> list[float]:
    return [first * factor**power for power in range(count)]


class Metrics:
    """All instruments, on a registry of their own so that two schedulers in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self._resolutions = Counter(
            "image_platform_resolutions_total",
            "Answers about the platforms of images, by result (known, or the cause of failure).",
            ["result"],
            registry=self.registry,
        )
        self.resolution_seconds = Histogram(
            "image_platform_resolution_duration_seconds",
            "Time it took to learn the platforms of all images of a pod that were not known yet.",
            buckets=_exponential(0.001, 2, 16),
            registry=self.registry,
        )
        self._cache_lookups = Counter(
            "image_platform_cache_lookups_total",
            "Questions about an image, by result: hit (answered from memory) or miss (waited for a registry).",
            ["result"],
            registry=self.registry,
        )
        self._cache_bytes = Gauge(
            "image_platform_cache_bytes", "About how much memory the cache of images takes.", registry=self.registry
        )
        self._registry_requests = Counter(
            "image_platform_registry_requests_total",
            "Requests to registries, by registry, method and class of status (error: no answer came).",
            ["registry", "method", "status"],
            registry=self.registry,
        )
        self._rate_limit_remaining = Gauge(
            "image_platform_registry_rate_limit_remaining",
            "Pulls that a registry still allows, by its own word; only of registries that say so.",
            ["registry"],
            registry=self.registry,
        )
        # To find one by its labels takes several times as long as to move it, and these are moved for every pod.
        self._attempts_of = cache(self._attempts.labels)
        self._attempt_seconds_of = cache(self._attempt_seconds.labels)
        self._sli_seconds_of = cache(self._sli_seconds.labels)
        self._incoming_of = cache(self._incoming.labels)
        self._resolutions_of = cache(self._resolutions.labels)
        self._registries: set[str] = set()
        self._lookups_counted = {"hit": 0, "miss": 0}
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

    def resolved(self, result: str) -> None:
        self._resolutions_of(result).inc()

    def image_cache(self, *, hits: int, misses: int, size: int) -> None:
        """``hits`` and ``misses`` since the start, ``size`` in bytes."""
        for result, total in (("hit", hits), ("miss", misses)):
            self._cache_lookups.labels(result).inc(total - self._lookups_counted[result])
            self._lookups_counted[result] = total
        self._cache_bytes.set(size)

    # As ``oci.observer.Observer``

    def registry_answered(self, registry: str, method: str, status: int) -> None:
        self._registry_requests.labels(self._registry(registry), method, f"{status // 100}xx").inc()

    def registry_failed(self, registry: str, method: str) -> None:
        self._registry_requests.labels(self._registry(registry), method, "error").inc()

    def registry_allows(self, registry: str, remaining: int) -> None:
        self._rate_limit_remaining.labels(self._registry(registry)).set(remaining)

    def _registry(self, name: str) -> str:
        """Pods may name any number of registries, and each would stay in memory: the first so many have a name."""
        if name not in self._registries:
            if len(self._registries) >= MOST_REGISTRIES:
                return "other"
            self._registries.add(name)
        return name

    def problem(self, part: str) -> None:
        self._problems.labels(part).inc()

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)
