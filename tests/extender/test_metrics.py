"""Calls are counted after they were answered; no scrape misses one."""

from __future__ import annotations

from extender.metrics import Metrics

CALLS = 1_000


def test_every_call_is_counted_whether_or_not_somebody_scrapes_meanwhile() -> None:
    metrics = Metrics()
    for number in range(CALLS):
        metrics.nodes("filter", 10, 3)
        metrics.answered("filter", 0.001, error=number % 4 == 0)
    text = metrics.exposition().decode()
    assert 'extender_requests_total{result="ok",verb="filter"} 750.0' in text
    assert 'extender_requests_total{result="error",verb="filter"} 250.0' in text
    assert 'extender_nodes_total{direction="in",verb="filter"} 10000.0' in text
    assert 'extender_nodes_total{direction="out",verb="filter"} 3000.0' in text
    assert 'extender_request_duration_seconds_count{verb="filter"} 1000.0' in text
    assert metrics.exposition().decode().count(" 750.0") == text.count(" 750.0")


def test_a_call_is_in_the_next_scrape() -> None:
    metrics = Metrics()
    metrics.answered("bind", 0.001, error=False)
    assert 'extender_requests_total{result="ok",verb="bind"} 1.0' in metrics.exposition().decode()
