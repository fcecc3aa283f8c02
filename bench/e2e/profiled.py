"""``multiarch-scheduler`` under cProfile: ``python -m bench.e2e.profiled FILE run ...``."""

from __future__ import annotations

import cProfile
import sys

from scheduler.cli import main

if __name__ == "__main__":
    file = sys.argv.pop(1)
    profile = cProfile.Profile()
    try:
        profile.runcall(main, standalone_mode=False)
    except SystemExit as end:
        profile.dump_stats(file)
        sys.exit(end.code)
