"""Two processes may build the same thing at the same time: one works, the other waits and finds it done.

A folder appears whole or not at all: it is filled under another name beside its place, then renamed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(place: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of `place` (a file beside it). `on_wait` is called when another process holds it already.

    The kernel frees the lock when its holder dies, so a killed build blocks nobody.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f".{place.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def replaced(place: Path) -> Iterator[Path]:
    """An empty folder that becomes `place` when the block ends well, and vanishes when it does not."""
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
