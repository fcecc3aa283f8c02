"""Ages as kubectl's tables say them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scheduler.sandbox.apiserver.views.ages import age, human_duration

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (10 * MINUTE + 5, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 5 * MINUTE, "7h5m"),
        (8 * HOUR + 5 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (48 * HOUR, "2d"),
        (50 * HOUR, "2d2h"),
        (8 * DAY + HOUR, "8d"),
        (700 * DAY, "700d"),
        (2 * YEAR + 3 * DAY, "2y3d"),
        (9 * YEAR, "9y"),
    ],
)
def test_a_duration_gets_less_exact_as_it_grows(seconds: float, said: str) -> None:
    assert human_duration(seconds) == said


def test_an_age_is_the_time_since() -> None:
    now = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert age("2026-01-01T00:00:00Z", now) == "30s"
    assert age("2025-12-31T23:59:59.500000Z", now) == "30s"
    assert age(None, now) == age("", now) == "<unknown>"
