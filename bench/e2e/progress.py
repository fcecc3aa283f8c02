"""How far a long run is: a line that changes on a terminal, one every ten seconds elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console

Progress = Callable[[str], None]
"""Takes how far the step is."""

_SECONDS = 10.0


@contextlib.contextmanager
def a_step(console: Console, what: str) -> Iterator[Progress]:
    """Shows ``what`` while it lasts, and how far it is."""
    with console.status(what) as status:
        last = time.monotonic()

        def progress(how_far: str) -> None:
            nonlocal last
            status.update(f"{what}: {how_far}")
            if not console.is_terminal and time.monotonic() - last > _SECONDS:
                last = time.monotonic()
                console.print(f"{what}: {how_far}", soft_wrap=True)

        yield progress
