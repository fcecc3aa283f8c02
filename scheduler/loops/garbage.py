"""The interpreter's search for reference cycles, told what a scheduler knows of its memory.

Owns its settings. A big cluster is some million objects that stay for as long as the process lives, and what comes and
goes is freed without a search. By default a sixth of all CPU time went into walking through them, in pauses of up to
100 ms during which no pod was placed.
"""

from __future__ import annotations

import gc

_YOUNG = 20_000
"""Objects made and not freed after which the youngest are searched; one search in 20 includes older ones."""


def search_seldom() -> None:
    """For the whole life of the process, from its start on."""
    gc.set_threshold(_YOUNG, 20, 100)


def keep_what_there_is() -> None:
    """What is there now, such as a cluster just read, is never searched again."""
    gc.collect()
    gc.freeze()
