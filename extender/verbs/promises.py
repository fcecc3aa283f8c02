"""Promises: pods that were given a node in an answer, and are not seen there yet.

Owns for how long such a pod counts on its node (is assumed in the cache): until the watch shows it bound, somebody asks
for it again, it is deleted, or the promise is given up. Who promises, and why, is ``delegate``'s and ``elsewhere``'s
business.

        make                      the watch shows it bound
    -----------> assumed --------------------------------------> counted like any other pod
                    |  asked for again, deleted, or ``expire``
                    +-------------------------------------------> forgotten
"""

from __future__ import annotations

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo


class Promises:
    """Of the pods that ``cache`` assumes. ``give_up``: seconds that a promise holds."""

    def __init__(self, cache: Cache, give_up: float) -> None:
        self._cache = cache
        self._give_up = give_up
        self._made: dict[str, tuple[str, float]] = {}
        """UID -> node, and when it is given up; in the order in which promises were made."""
        self._news: set[str] = set()
        """UIDs of promises that nobody has asked about yet."""

    def make(self, info: PodInfo, node: str, now: float) -> None:
        """Nothing happens to a pod that counts on a node already."""
        if self._cache.node_of(info.uid) is None:
            self._cache.assume(info, node)
            self._made[info.uid] = node, now + self._give_up
            self._news.add(info.uid)

    def node(self, uid: str) -> str | None:
        """Which node the pod was promised."""
        promise = self._made.get(uid)
        return None if promise is None else promise[0]

    def is_news(self, uid: str) -> bool:
        """Whether the pod was promised a node and this is the first question after that."""
        if uid not in self._news:
            return False
        self._news.discard(uid)
        return True

    def forget(self, uid: str) -> None:
        """The promise does not hold any more. Nothing happens to a pod that was seen bound."""
        self._made.pop(uid, None)
        self._news.discard(uid)
        self._cache.forget(uid)

    def expire(self, now: float) -> int:
        """Gives up what was promised long ago and did not come true; how many."""
        due: list[str] = []
        for uid, (_, until) in self._made.items():
            if until > now:
                break  # the others were promised later
            due.append(uid)
        given_up = sum(self._cache.is_assumed(uid) for uid in due)
        for uid in due:
            self.forget(uid)
        return given_up
