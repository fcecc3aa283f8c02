"""Repeating a request that may safely be done twice.

For patches that state a result, reads, and deletions with preconditions. Binding is not of that kind (``binding``), and
a watch never ends its attempts (``reflector``).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


async def retrying(
    call: Callable[[], Awaitable[T]],
    *,
    attempts: int = 4,
    backoff: Backoff | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """The result of the first attempt that succeeds; raises the last ApiError, or the first that waiting cannot cure.

    The default delays are those of client-go's ``retry.DefaultBackoff``: 10 ms, 50 ms, 250 ms.
    """
    backoff = backoff or Backoff(initial=0.01, factor=5.0, jitter=0.1)
    while True:
        try:
            return await call()
        except ApiError as error:
            delay = max(backoff.next(), error.retry_after or 0.0)
            if not error.transient or backoff.failures >= attempts:
                raise
        await sleep(delay)
