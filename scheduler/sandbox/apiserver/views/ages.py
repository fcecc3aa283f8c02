"""How long ago, as kubectl's tables say it (``apimachinery/pkg/util/duration``)."""

from __future__ import annotations

from datetime import UTC, datetime

UNKNOWN = "<unknown>"

# (below this many seconds, unit in seconds and its letter, the smaller unit that is added unless zero)
_SCALES = (
    (120, (1, "s"), None),
    (600, (60, "m"), (1, "s")),
    (3 * 3600, (60, "m"), None),
    (8 * 3600, (3600, "h"), (60, "m")),
    (48 * 3600, (3600, "h"), None),
    (8 * 86400, (86400, "d"), (3600, "h")),
    (2 * 365 * 86400, (86400, "d"), None),
    (8 * 365 * 86400, (365 * 86400, "y"), (86400, "d")),
)


def age(timestamp: str | None, now: datetime | None = None) -> str:
    """The time since an API timestamp; ``<unknown>`` where there is none."""
    if not timestamp:
        return UNKNOWN
    elapsed = (now or datetime.now(UTC)) - datetime.fromisoformat(timestamp)
    return human_duration(elapsed.total_seconds())


def human_duration(seconds: float) -> str:
    """Two units at most, and less exact the longer it is."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    for bound, (unit, letter), smaller in _SCALES:
        if whole < bound:
            rest = whole % unit // smaller[0] if smaller else 0
            return f"{whole // unit}{letter}" + (f"{rest}{smaller[1]}" if smaller and rest else "")
    return f"{whole // (365 * 86400)}y"
