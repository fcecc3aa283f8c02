"""Metrics of what is learnt about images, alike in every process that asks registries: the scheduler, the extender.

Owns the instruments called ``image_platform_*`` that are about images and registries; whoever asks moves them.
"""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge

MOST_REGISTRIES = 100
"""Registries that have time series of their own."""


class ImageMetrics:
    """On a registry that holds others, too. An ``oci.observer.Observer``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._resolutions = Counter(
            "image_platform_resolutions_total",
            "Answers about the platforms of images, by result (known, or the cause of failure).",
            ["result"],
            registry=registry,
        )
        self._cache_lookups = Counter(
            "image_platform_cache_lookups_total",
            "Questions about an image, by result: hit (answered from memory) or miss (waited for a registry).",
            ["result"],
            registry=registry,
        )
        self._cache_bytes = Gauge(
            "image_platform_cache_bytes", "About how much memory the cache of images takes.", registry=registry
        )
        self._registry_requests = Counter(
            "image_platform_registry_requests_total",
            "Requests to registries, by registry, method and class of status (error: no answer came).",
            ["registry", "method", "status"],
            registry=registry,
        )
        self._rate_limit_remaining = Gauge(
            "image_platform_registry_rate_limit_remaining",
            "Pulls that a registry still allows, by its own word; only of registries that say so.",
            ["registry"],
            registry=registry,
        )
        self._resolutions_of = cache(self._resolutions.labels)
        self._registries: set[str] = set()
        self._lookups_counted = {"hit": 0, "miss": 0}

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
