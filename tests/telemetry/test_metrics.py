"""Metrics carry kube-scheduler's names and labels, so that its dashboards work."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from scheduler.telemetry.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.exposition().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_an_attempt_counts_by_result_and_profile() -> None:
    metrics = Metrics("ours")
    metrics.attempt("scheduled", 0.01)
    metrics.attempt("scheduled", 0.02)
    metrics.attempt("error", 0.03)
    found = samples(metrics)
    labels = (("profile", "ours"), ("result", "scheduled"))
    assert found["scheduler_schedule_attempts_total", labels] == 2
    assert found["scheduler_scheduling_attempt_duration_seconds_count", labels] == 2


def test_a_pod_that_took_many_attempts_is_counted_under_15_plus() -> None:
    metrics = Metrics("ours")
    for attempts in (1, 14, 15, 40):
        metrics.scheduled(attempts, 1.0)
    found = samples(metrics)
    name = "scheduler_pod_scheduling_sli_duration_seconds_count"
    assert [found[name, (("attempts", label),)] for label in ("1", "14", "15+")] == [1, 1, 2]


def test_plugins_that_reject_nobody_any_more_disappear() -> None:
    metrics = Metrics("ours")
    metrics.pending({"active": 1}, {"NodeResourcesFit": 3})
    metrics.pending({"active": 0}, {"TaintToleration": 1})
    found = samples(metrics)
    assert found["scheduler_pending_pods", (("queue", "active"),)] == 0
    plugins = {dict(labels)["plugin"] for name, labels in found if name == "scheduler_unschedulable_pods"}
    assert plugins == {"TaintToleration"}
