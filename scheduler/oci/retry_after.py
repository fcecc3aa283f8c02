"""`Retry-After` -> seconds (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import datetime

_LONGEST = 24 * 3600.0  # no registry's window is longer; a larger number would be a registry's mistake for us to suffer


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The pause an answer asks for; None when it asks for none.

    A date is taken against the answer's own ``Date``, so that no clock of ours is needed and none has to agree. A past
    or unreadable value counts as absent.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST)
    until, sent = _date(text), _date(headers.get("Date", ""))
    if until is None or sent is None:
        return None
    pause = (until - sent).total_seconds()
    return min(pause, _LONGEST) if pause >= 0 else None


def _date(text: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else None
