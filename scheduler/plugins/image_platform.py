"""ImagePlatform: a pod goes only where all its images can run, and by preference where the user wants them to.

Ours; kube-scheduler has nothing like it. Whether an image runs on a node platform is decided in ``images.matching``;
here that is asked once per distinct platform of the cluster. An image that a node holds already may run there whatever
the registry says, so such nodes are told apart. The arguments are node platforms with a weight each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.columns import ID, Ids, Mask, Rows
from scheduler.cluster.images import ImageState
from scheduler.cluster.node_selection import is_selected
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import SKIP, FilterPlugin, PreFilterAnswer, ScorePlugin, Scores, Skip
from scheduler.framework.status import Code, Rejection
from scheduler.images.matching import DEFAULT_RULES, MatchRules, match_pod
from scheduler.images.node_platform import NodePlatform, node_platform
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.pod_images import PodImage, ResolvedImage, name_on_nodes, pod_images, required_os
from scheduler.images.verdict import Outcome, PodVerdict
from scheduler.queue.events import ClusterEvent, EventKind, ImageHint, QueueingHints

REASON_NOT_KNOWN = "it is not known yet which platforms the pod's images are built for"


class ImagePlatform(FilterPlugin, ScorePlugin):
    """Filters by what images are built for, scores by the weights given to node platforms.

    ``weights``: platform as text (``linux/arm64``, ``windows(10.0.20348)/amd64``) -> score, 0 to 100; a node takes that
    of the most specific platform it is covered by, else 0. Raises InvalidPlatform, ValueError.
    """

    name = "ImagePlatform"

    def __init__(self, weights: Mapping[str, int] | None = None, rules: MatchRules = DEFAULT_RULES) -> None:
        self.rules = rules
        self._weights = PlatformWeights(weights)

    @property
    def hints(self) -> QueueingHints:
        return {
            EventKind.NODE_ADD: _may_be_chosen,
            EventKind.NODE_UPDATE_PLATFORM: _changed_platform,
            EventKind.NODE_UPDATE_IMAGES: _holds_an_image,
        }

    # Filter

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        if pod_class.images is None:
            return Rejection(Code.UNRESOLVABLE, self.name, (REASON_NOT_KNOWN,))
        return None

    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        if not held_images(pod_class, nodes):
            return nodes.platform_values.gather(
                lambda platform: self._fits(pod_class, pod_class.images or (), platform),
                nodes.platforms[rows],
                np.bool_,
            )
        situations, ids = self._situations(pod_class, nodes, rows)
        return np.array([self._fits(pod_class, images, platform) for platform, images in situations], np.bool_)[ids]

    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        situations, ids = self._situations(pod_class, nodes, rows)
        verdicts = [self._verdict(pod_class, images, platform) for platform, images in situations]
        return ids.astype(ID), [
            Rejection(Code.UNRESOLVABLE, self.name, (f"node(s) {verdict.reason}",)) for verdict in verdicts
        ]

    # Score

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        return None if self._weights else SKIP

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        return nodes.platform_values.gather(self._weights.of, nodes.platforms[rows], np.int64)

    # Private

    def _situations(
        self, pod_class: PodClass, nodes: NodeTable, rows: Rows
    ) -> tuple[list[tuple[NodePlatform, tuple[ResolvedImage, ...]]], Ids]:
        """The distinct cases among rows: a platform and the images that must fit it; and the case of each row."""
        images = pod_class.images or ()
        held = held_images(pod_class, nodes)
        cases = nodes.platforms[rows].astype(np.int64) << len(held)
        for bit, state in enumerate(held.values()):
            has = np.zeros(nodes.size, dtype=np.bool_)
            has[state.rows()] = True
            cases |= has[rows].astype(np.int64) << bit
        distinct, ids = np.unique(cases, return_inverse=True)
        situations = []
        for case in distinct.tolist():
            there = {image for bit, image in enumerate(held) if case >> bit & 1}
            left = tuple(image for image in images if image.image not in there)
            situations.append((nodes.platform_values.value(case >> len(held)), left))
        return situations, ids.astype(ID)

    def _verdict(self, pod_class: PodClass, images: Sequence[ResolvedImage], platform: NodePlatform) -> PodVerdict:
        """Of these images of the class. Each is found once, with its reason."""
        known: dict[object, PodVerdict] = pod_class.derived.setdefault((self, "verdicts"), {})
        key = platform, tuple(each.image for each in images)
        verdict = known.get(key)
        if verdict is None:
            verdict = known[key] = match_pod(images, pod_class.required_os, platform, self.rules)
        return verdict

    def _fits(self, pod_class: PodClass, images: Sequence[ResolvedImage], platform: NodePlatform) -> bool:
        """UNKNOWN does not fit: a pod is never placed on a guess."""
        return self._verdict(pod_class, images, platform).outcome is Outcome.MATCH


def held_images(pod_class: PodClass, nodes: NodeTable) -> dict[PodImage, ImageState]:
    """The pod's images that some node holds, and that its kubelet would start without asking a registry.

    Such a node can run the image whatever a registry says: it was pulled there. With the policy Always the kubelet asks
    the registry all the same, so there a held image proves nothing.
    """
    names: dict[PodImage, str] | None = pod_class.derived.get("names on nodes")
    if names is None:
        images = (resolved.image for resolved in pod_class.images or ())
        names = {image: name_on_nodes(image.image) for image in images if image.pull_policy != "Always"}
        pod_class.derived["names on nodes"] = names
    states = ((image, nodes.images.get(name)) for image, name in names.items())
    return {image: state for image, state in states if state is not None}


def can_run(rules: MatchRules) -> ImageHint:
    """The hint that looks at the images: whether the node that the event is about can run all of them."""

    def helps(pod: Pod, images: tuple[ResolvedImage, ...], event: ClusterEvent) -> bool:
        if not isinstance(event.new, Node):
            return True
        held = _held_by(event.new)
        left = [
            each for each in images if each.image.pull_policy == "Always" or name_on_nodes(each.image.image) not in held
        ]
        return match_pod(left, required_os(pod), node_platform(event.new), rules).outcome is Outcome.MATCH

    return helps


def _may_be_chosen(pod: Pod, event: ClusterEvent) -> bool:
    """Pods of a DaemonSet, say, are each for one node, and no other one helps them."""
    return not isinstance(event.new, Node) or is_selected(pod.spec, event.new)


def _changed_platform(pod: Pod, event: ClusterEvent) -> bool:
    if not (isinstance(event.old, Node) and isinstance(event.new, Node)):
        return True
    return node_platform(event.old) != node_platform(event.new) and _may_be_chosen(pod, event)


def _holds_an_image(pod: Pod, event: ClusterEvent) -> bool:
    if not isinstance(event.new, Node):
        return True
    held = _held_by(event.new)
    return any(name_on_nodes(image.image) in held for image in pod_images(pod))


def _held_by(node: Node) -> set[str]:
    """The names of the images that a node says it holds."""
    return {name for image in node.status.images for name in image.names or ()}
