"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(now: float) -> str:
    """``metav1.Time``: whole seconds. ``now`` is in seconds since 1970."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(now: float) -> str:
    """``metav1.MicroTime``: microseconds, always six digits. ``now`` is in seconds since 1970."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
