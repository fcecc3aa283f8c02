"""Kills what the tests started when the tests themselves are gone, however they went (even by SIGKILL).

Run as a process of its own by `processes`. It reads one order per line, `+<group>` or `-<group>`, and keeps the set of
process groups; when its input ends, the tests have died or finished, and whatever is still in the set is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
