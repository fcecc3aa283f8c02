"""filter: of the nodes that kube-scheduler is left with, those that can run all images of the pod.

Owns the answer for both forms of the request: names, which are looked up in our own picture of the cluster, and whole
nodes, which are judged by what they say themselves, so that nodes which do not exist yet can be asked about. A node
that is refused goes to FailedAndUnresolvableNodes, because evicting pods changes no platform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Protocol

import msgspec
import numpy as np

from extender.verbs.judging import STRANGE_NODE, Judge, is_match
from extender.verbs.name_index import NameIndex, slow_rows, split_names
from extender.wire.answers import FailedNodes, echoed_result, names_result, nodes_result
from extender.wire.arguments import ExtenderArgs, is_given
from extender.wire.node_bodies import node_bodies
from scheduler.cluster.pod_info import PodInfo

NO_NODES = names_result((), FailedNodes())


@dataclass(frozen=True, slots=True)
class FilterAnswer:
    """``body`` goes out; of ``nodes_in`` nodes it keeps ``nodes_out``.

    ``nominated`` is the node that the pod is to be nominated to, if it can run on none of those asked about.
    """

    body: bytes
    nodes_in: int
    nodes_out: int
    nominated: str | None = None


class Filtering(Protocol):
    """One way to answer filter. ``now``: the time of the loops' clock."""

    def __call__(self, args: ExtenderArgs, info: PodInfo, now: float) -> FilterAnswer:
        """Raises MalformedBody, and AttemptError where the decision core does."""

    def possible(self, info: PodInfo) -> int:
        """On how many of our own nodes the pod could run as things are."""


class Filter:
    """All nodes that can run the pod."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._index = NameIndex(judge.nodes)

    def __call__(self, args: ExtenderArgs, info: PodInfo, now: float) -> FilterAnswer:
        if is_given(args.node_names):
            return self._names(args.node_names, info)
        return self._nodes(args, info)

    def possible(self, info: PodInfo) -> int:
        return self._judge.possible(info)

    def _names(self, raw: msgspec.Raw, info: PodInfo) -> FilterAnswer:
        rows = self._index.rows(raw)
        if rows is None:
            return self._odd_names(raw, info)
        possible = self._judge.keys(info)[rows] >= 0
        if possible.all():
            return FilterAnswer(echoed_result(bytes(raw)) if len(rows) else NO_NODES, len(rows), len(rows))
        names = split_names(bytes(raw))
        kept = list(compress(names, possible.tobytes()))
        refused = ~possible
        failed = FailedNodes()
        self._judge.refuse(info, list(compress(names, refused.tobytes())), rows[refused], failed)
        return FilterAnswer(names_result(kept, failed), len(rows), len(kept))

    def _odd_names(self, raw: msgspec.Raw, info: PodInfo) -> FilterAnswer:
        """Names among which some are no nodes of ours, or that were not written by Go."""
        names, rows = slow_rows(raw, self._judge.nodes)
        failed = FailedNodes()
        failed.add_strangers((name for name, row in zip(names, rows, strict=True) if row is None), STRANGE_NODE)
        keys = self._judge.keys(info)
        known = [(name, row) for name, row in zip(names, rows, strict=True) if row is not None]
        kept = [name for name, row in known if keys[row] >= 0]
        refused = [(name, row) for name, row in known if keys[row] < 0]
        if refused:
            losers = np.array([row for _, row in refused], dtype=np.intp)
            self._judge.refuse(info, [name for name, _ in refused], losers, failed)
        return FilterAnswer(names_result(kept, failed), len(names), len(kept))

    def _nodes(self, args: ExtenderArgs, info: PodInfo) -> FilterAnswer:
        kept: list[int] = []
        refused: dict[str, list[str]] = {}
        for place, verdict in enumerate(self._judge.verdicts(info, args.nodes)):
            if is_match(verdict):
                kept.append(place)
            else:
                refused.setdefault(f"node(s) {verdict.reason}", []).append(args.nodes[place].metadata.name)
        failed = FailedNodes()
        for reason, names in refused.items():
            failed.add_strangers(names, reason)
        return whole_nodes(args, kept, failed)


def whole_nodes(args: ExtenderArgs, places: Sequence[int], failed: FailedNodes) -> FilterAnswer:
    """The nodes at these places of the request, as they were sent."""
    bodies = node_bodies(args.body, args.nodes) if places else ()
    kept = [bodies[place] for place in places]
    return FilterAnswer(nodes_result(kept, failed), len(args.nodes), len(kept))
