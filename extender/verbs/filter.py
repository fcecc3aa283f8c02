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

from extender.verbs.judging import Judge, is_match
from extender.wire.answers import FailedNodes, names_result, nodes_result
from extender.wire.arguments import ExtenderArgs, SentNode, is_given, read_node_names, read_nodes
from scheduler.cluster.pod_info import PodInfo


@dataclass(frozen=True, slots=True)
class FilterAnswer:
    """``body`` goes out; of ``nodes_in`` nodes it keeps ``nodes_out``."""

    body: bytes
    nodes_in: int
    nodes_out: int


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

    def __call__(self, args: ExtenderArgs, info: PodInfo, now: float) -> FilterAnswer:
        if is_given(args.node_names):
            return self._names(read_node_names(args.node_names), info)
        return self._nodes(*read_nodes(args.nodes), info)

    def possible(self, info: PodInfo) -> int:
        return self._judge.possible(info)

    def _names(self, names: Sequence[str], info: PodInfo) -> FilterAnswer:
        failed = FailedNodes()
        known, rows = self._judge.rows_of(names, failed)
        possible = self._judge.keys(info)[rows] >= 0
        kept = list(compress(known, possible.tobytes()))
        if len(kept) < len(known):
            self._judge.refuse(info, known, rows, ~possible, failed)
        return FilterAnswer(names_result(kept, failed), len(names), len(kept))

    def _nodes(self, sent: Sequence[SentNode], raw: Sequence[msgspec.Raw], info: PodInfo) -> FilterAnswer:
        kept: list[msgspec.Raw] = []
        refused: dict[str, list[str]] = {}
        for verdict, node, body in zip(self._judge.verdicts(info, sent), sent, raw, strict=True):
            if is_match(verdict):
                kept.append(body)
            else:
                refused.setdefault(f"node(s) {verdict.reason}", []).append(node.metadata.name)
        failed = FailedNodes()
        for reason, names in refused.items():
            failed.add_strangers(names, reason)
        return FilterAnswer(nodes_result(kept, failed), len(sent), len(kept))
