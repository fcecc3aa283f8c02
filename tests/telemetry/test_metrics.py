"""Metrics carry kube-scheduler's names and labels, so that its dashboards work."""

from __future__ import annotations

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from scheduler.telemetry.image_metrics import MOST_REGISTRIES
from scheduler.telemetry.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.exposition().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_an_attempt_counts_by_result_and_profile() -> None:
    metrics = Metrics()
    metrics.attempt("scheduled", 0.01, "ours")
    metrics.attempt("scheduled", 0.02, "ours")
    metrics.attempt("scheduled", 0.02, "other")
    metrics.attempt("error", 0.03, "ours")
    found = samples(metrics)
    labels = (("profile", "ours"), ("result", "scheduled"))
    assert found["scheduler_schedule_attempts_total", labels] == 2
    assert found["scheduler_scheduling_attempt_duration_seconds_count", labels] == 2


def test_a_pod_that_took_many_attempts_is_counted_under_15_plus() -> None:
    metrics = Metrics()
    for attempts in (1, 14, 15, 40):
        metrics.scheduled(attempts, 1.0)
    found = samples(metrics)
    name = "scheduler_pod_scheduling_sli_duration_seconds_count"
    assert [found[name, (("attempts", label),)] for label in ("1", "14", "15+")] == [1, 1, 2]


def test_plugins_that_reject_nobody_any_more_disappear() -> None:
    metrics = Metrics()
    metrics.pending({"active": 1}, {("NodeResourcesFit", "ours"): 3})
    metrics.pending({"active": 0}, {("TaintToleration", "ours"): 1})
    found = samples(metrics)
    assert found["scheduler_pending_pods", (("queue", "active"),)] == 0
    plugins = {dict(labels)["plugin"] for name, labels in found if name == "scheduler_unschedulable_pods"}
    assert plugins == {"TaintToleration"}


def test_registries_are_counted_by_name_method_and_class_of_status() -> None:
    metrics = Metrics()
    for status in (200, 206, 429):
        metrics.registry_answered("ghcr.io", "GET", status)
    metrics.registry_failed("ghcr.io", "HEAD")
    metrics.registry_allows("docker.io", 76)
    found = samples(metrics)
    name = "image_platform_registry_requests_total"
    counts = {(dict(key)["method"], dict(key)["status"]): value for (each, key), value in found.items() if each == name}
    assert counts == {("GET", "2xx"): 2, ("GET", "4xx"): 1, ("HEAD", "error"): 1}
    assert found["image_platform_registry_rate_limit_remaining", (("registry", "docker.io"),)] == 76


def test_pods_cannot_fill_memory_with_names_of_registries() -> None:
    metrics = Metrics()
    for number in range(MOST_REGISTRIES + 50):
        metrics.registry_answered(f"registry-{number}.test", "GET", 200)
    name = "image_platform_registry_requests_total"
    counts = {dict(key)["registry"]: value for (each, key), value in samples(metrics).items() if each == name}
    assert len(counts) == MOST_REGISTRIES + 1
    assert counts["other"] == 50


def test_the_cache_of_images_is_counted_on_from_scrape_to_scrape() -> None:
    metrics = Metrics()
    metrics.image_cache(hits=5, misses=1, size=1000)
    metrics.image_cache(hits=8, misses=1, size=900)
    found = samples(metrics)
    name = "image_platform_cache_lookups_total"
    assert [found[name, (("result", result),)] for result in ("hit", "miss")] == [8, 1]
    assert found["image_platform_cache_bytes", ()] == 900


def test_who_leads_is_told_as_by_other_components() -> None:
    metrics = Metrics()
    for leads in (False, True):
        metrics.leader("lease", leads=leads)
        assert samples(metrics)["leader_election_master_status", (("name", "lease"),)] == leads


def powers(first: float, factor: float, last: int) -> list[float]:
    return [first * factor**power for power in range(last + 1)]


AS_KUBE_SCHEDULER = {
    "scheduler_schedule_attempts_total": (("result", "profile"), None),
    "scheduler_scheduling_attempt_duration_seconds": (("result", "profile"), powers(0.001, 2, 14)),
    "scheduler_framework_extension_point_duration_seconds": (
        ("extension_point", "status", "profile"),
        powers(0.0001, 2, 11),
    ),
    "scheduler_pod_scheduling_attempts": ((), powers(1, 2, 4)),
    "scheduler_preemption_victims": ((), powers(1, 2, 6)),
    "scheduler_preemption_attempts_total": ((), None),
    "scheduler_pending_pods": (("queue",), None),
    "scheduler_queue_incoming_pods_total": (("queue", "event"), None),
    "scheduler_scheduling_algorithm_duration_seconds": ((), powers(0.001, 2, 14)),
    "scheduler_pod_scheduling_sli_duration_seconds": (("attempts",), powers(0.01, 2, 19)),
    "scheduler_unschedulable_pods": (("plugin", "profile"), None),
    "scheduler_cache_size": (("type",), None),
    "leader_election_master_status": (("name",), None),
}
"""Name -> labels and buckets, as ``pkg/scheduler/metrics/metrics.go`` of 1.37 has them."""


def test_what_is_the_same_has_the_names_labels_and_buckets_of_kube_scheduler() -> None:
    found = {}
    for instrument in vars(Metrics()).values():
        if isinstance(instrument, MetricWrapperBase):
            (family,) = instrument.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            bounds = getattr(instrument, "_kwargs", {}).get("buckets")
            found[name] = (tuple(instrument._labelnames), bounds)
    assert {name: found[name] for name in AS_KUBE_SCHEDULER} == AS_KUBE_SCHEDULER
    others = {name for name in found if name.startswith("scheduler_")} - AS_KUBE_SCHEDULER.keys()
    assert others == {"scheduler_problems_total"}, "what only we have is called image_platform_*, but for this one"
