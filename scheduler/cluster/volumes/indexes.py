"""Indexes from a key to the set of names that have it: an empty set is not kept."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def discard(index: dict[K, set[str]], key: K, member: str) -> None:
    """Take a name out, if it is there."""
    members = index.get(key)
    if members is not None:
        members.discard(member)
        if not members:
            del index[key]
