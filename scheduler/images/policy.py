"""When to ask again for an image whose platforms are not known.

Owns one table, used by the cache of answers (how long a failure is an answer) and by the queue (how long its pods
wait). The pods wait in the meantime: a pod is never placed on a guess. Both callers add their own jitter, and both
drop a failure early when what caused it changes (a secret, the pod's image, the configuration).
"""

from __future__ import annotations

import msgspec

from scheduler.images.content import FailureCause, ImageFailure

LONGEST_DELAY = 6 * 3600.0
"""Seconds. The window over which Docker Hub counts; a registry that asks for more is not believed."""


class _Backoff(msgspec.Struct, frozen=True, gc=False):
    """Seconds before the second attempt, doubled up to ``longest``."""

    first: float
    longest: float


_BACKOFF = {
    # Under way, not failed: whoever waits is told.
    FailureCause.PENDING: _Backoff(0, 0),
    # A registry or network that has a bad minute.
    FailureCause.TIMEOUT: _Backoff(15, 60),
    FailureCause.NETWORK: _Backoff(15, 60),
    FailureCause.SERVER_ERROR: _Backoff(15, 60),
    FailureCause.RATE_LIMITED: _Backoff(60, LONGEST_DELAY),
    # Pushed a moment later, as pipelines do.
    FailureCause.NOT_FOUND: _Backoff(5, 60),
    # Until somebody changes a secret or the configuration.
    FailureCause.UNAUTHORIZED: _Backoff(300, 300),
    FailureCause.FORBIDDEN: _Backoff(300, 300),
    FailureCause.TLS: _Backoff(300, 300),
    FailureCause.BLOCKED: _Backoff(300, 300),
    # Until the tag is pushed anew.
    FailureCause.DIGEST_MISMATCH: _Backoff(600, 600),
    FailureCause.TOO_LARGE: _Backoff(600, 600),
    FailureCause.MALFORMED: _Backoff(600, 600),
    # Never: only another name helps.
    FailureCause.INVALID_REFERENCE: _Backoff(LONGEST_DELAY, LONGEST_DELAY),
}


def retry_delay(failure: ImageFailure, attempts: int) -> float:
    """Seconds to wait before the next attempt, after ``attempts`` (1 or more) that failed alike in a row.

    What the registry asked for by ``Retry-After`` is honoured, within LONGEST_DELAY; it may only lengthen the wait.
    """
    backoff = _BACKOFF[failure.cause]
    doublings = min(max(attempts, 1) - 1, 32)
    delay = min(backoff.first * 2.0**doublings, backoff.longest)
    return min(max(delay, failure.retry_after or 0.0), LONGEST_DELAY)
