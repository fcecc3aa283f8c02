"""filter: of the nodes that kube-scheduler is left with, those that can run all images of the pod.

Owns the answer for both forms of the request: names (looked up in our own picture of the cluster) and whole nodes
(judged by what they say themselves, so that nodes which do not exist yet can be asked about). A node that is refused
goes to FailedAndUnresolvableNodes, because evicting pods changes no platform.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import msgspec
import numpy as np

from extender.verbs.pod_verdicts import STRANGE_NODE, PodVerdicts
from extender.wire.answers import FailedNodes, names_result, nodes_result
from extender.wire.arguments import SentNode
from scheduler.cluster.columns import RowIndexes
from scheduler.cluster.node_table import NodeTable
from scheduler.images.node_platform import NodePlatform, platform_of


@dataclass(frozen=True, slots=True)
class FilterAnswer:
    """``body`` goes out; of ``nodes_in`` nodes it keeps ``nodes_out``."""

    body: bytes
    nodes_in: int
    nodes_out: int


def filter_names(names: Sequence[str], verdicts: PodVerdicts, nodes: NodeTable) -> FilterAnswer:
    """The names in their order without those that cannot run the pod."""
    failed = FailedNodes()
    known, rows = known_rows(names, nodes, failed)
    allowed = nodes.platform_values.gather(verdicts.allows, nodes.platforms[rows], np.bool_)
    kept = list(compress(known, allowed.tobytes()))
    if len(kept) < len(known):
        refuse(known, rows, ~allowed, verdicts, nodes, failed)
    return FilterAnswer(names_result(kept, failed), len(names), len(kept))


def known_rows(names: Sequence[str], nodes: NodeTable, failed: FailedNodes) -> tuple[Sequence[str], RowIndexes]:
    """The names that are nodes of ours, with their rows; the others go to ``failed``."""
    rows = list(map(nodes.row_of, names))
    if None in rows:
        failed.add_strangers((name for name, row in zip(names, rows, strict=True) if row is None), STRANGE_NODE)
        names = [name for name, row in zip(names, rows, strict=True) if row is not None]
    return names, np.array([row for row in rows if row is not None], dtype=np.intp)


def refuse(
    names: Sequence[str],
    rows: RowIndexes,
    refused: np.ndarray[tuple[int], np.dtype[np.bool_]],
    verdicts: PodVerdicts,
    nodes: NodeTable,
    failed: FailedNodes,
) -> None:
    """Puts the refused names into ``failed``, with the reason of their platform."""
    platforms = nodes.platforms[rows]
    for number in np.unique(platforms[refused]).tolist():
        where = refused & (platforms == number)
        failed.add(list(compress(names, where.tobytes())), verdicts.reason(nodes.platform_values.value(number)))


def filter_nodes(sent: Sequence[SentNode], raw: Sequence[msgspec.Raw], verdicts: PodVerdicts) -> FilterAnswer:
    """The nodes as they were sent without those that cannot run the pod."""
    failed = FailedNodes()
    kept: list[msgspec.Raw] = []
    refused: dict[str, list[str]] = {}
    for platform, node, body in zip(platforms_of(sent), sent, raw, strict=True):
        if verdicts.allows(platform):
            kept.append(body)
        else:
            refused.setdefault(verdicts.reason(platform), []).append(node.metadata.name)
    for reason, names in refused.items():
        failed.add_strangers(names, reason)
    return FilterAnswer(nodes_result(kept, failed), len(sent), len(kept))


def platforms_of(sent: Iterable[SentNode]) -> Iterable[NodePlatform]:
    """What the nodes say of themselves."""
    return (platform_of(node.metadata.labels, node.status.node_info) for node in sent)
