"""prioritize: nodes of preferred platforms get more, on the wire's scale of 0 to 10.

Owns the scaling from the operator's weights, 0 to 100 (``images.platformWeights``). A name that our watch has not shown
gets 0, as any node without a weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extender.verbs.judging import platforms_of
from extender.wire.arguments import SentNode
from scheduler.cluster.node_table import NodeTable
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform_weights import PlatformWeights


def prioritize_names(names: Sequence[str], weights: PlatformWeights, nodes: NodeTable) -> Iterator[tuple[str, int]]:
    """(name, score) of every name."""
    for name in names:
        row = nodes.row_of(name)
        platform = None if row is None else nodes.platform_values.value(int(nodes.platforms[row]))
        yield name, 0 if platform is None else score(weights, platform)


def prioritize_nodes(sent: Sequence[SentNode], weights: PlatformWeights) -> Iterator[tuple[str, int]]:
    """(name, score) of every node sent."""
    for node, platform in zip(sent, platforms_of(sent), strict=True):
        yield node.metadata.name, score(weights, platform)


def score(weights: PlatformWeights, platform: NodePlatform) -> int:
    """0 to 10, halves rounded up."""
    return (weights.of(platform) + 5) // 10
