"""The scheduler with a time of day that can be set: ``python -m tests.faults.jumping_clock FILE run ...``.

FILE holds by how many seconds the clock is wrong. Only ``time.time`` jumps, as when somebody sets a machine's clock;
the clocks that never go back (``time.monotonic``) do not, on a real machine neither.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

true_time = time.time


def jump(file: Path) -> None:
    def wrong_time() -> float:
        return true_time() + float(file.read_text())

    time.time = wrong_time


if __name__ == "__main__":
    jump(Path(sys.argv.pop(1)))
    from scheduler.cli import main

    main()
