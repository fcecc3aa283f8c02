"""What would help a pod that has no place: one thing at a time, and how many nodes it would open.

Owns the question, which is put to the plugins themselves: with one filter left out, which nodes take the pod? And the
words for each filter's answer. Nothing is guessed: a remedy is told only when that alone would do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_info import PodInfo
from scheduler.commands.explaining.document import HelpRow
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.status import Rejection
from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.matching import match
from scheduler.images.node_platform import NodePlatform
from scheduler.images.pod_images import ResolvedImage
from scheduler.images.reasons import image_name
from scheduler.images.verdict import Outcome
from scheduler.plugins.catalogue import Selection, make_profile
from scheduler.plugins.extension_points import IMAGE_PLATFORM

EXAMPLES = 3
"""Nodes named per remedy."""

_WORDS: Mapping[str, str] = {
    "NodeUnschedulable": "if they were uncordoned",
    "NodeName": "if the pod did not name another node",
    "TaintToleration": "if the pod tolerated their taints",
    "NodeAffinity": "without the pod's node selector and required node affinity",
    "NodePorts": "if the pod's host ports were free there",
    "NodeResourcesFit": "with enough free",
    "VolumeRestrictions": "if the pod's volumes were not in use elsewhere",
    "NodeVolumeLimits": "if they could take more volumes",
    "VolumeBinding": "if the pod's volumes could be had there",
    "VolumeZone": "if the pod's volumes were in their zone",
    "PodTopologySpread": "without the pod's topology spread constraints (DoNotSchedule)",
    "InterPodAffinity": "without the required pod affinity and anti-affinity",
    "NodeDeclaredFeatures": "if they had the features that the pod needs",
}


def remedies(
    selection: Selection, info: PodInfo, cache: Cache, statuses: Mapping[str, Rejection | None]
) -> list[HelpRow]:
    """The remedies that work, most nodes first. ``statuses``: by node, why it is rejected now."""
    plugins = sorted({rejection.plugin for rejection in statuses.values() if rejection is not None} - {""})
    found = []
    for plugin in plugins:
        names = _open_without(plugin, selection, info, cache)
        if not names:
            continue
        if plugin == IMAGE_PLATFORM:
            found += _of_images(names, info.pod_class.images or (), cache.nodes)
        else:
            what = _WORDS.get(plugin, f"without {plugin}")
            found.append(HelpRow(f"{what} ({_reasons(names, statuses)})", plugin, len(names), names[:EXAMPLES]))
    return sorted(found, key=lambda row: -row.nodes)


def _open_without(plugin: str, selection: Selection, info: PodInfo, cache: Cache) -> list[str]:
    evaluation = SchedulingCycle(cache, make_profile(selection.without(plugin))).pod_evaluation(info)
    if evaluation.rejection is not None:
        return []
    return sorted(cache.nodes.name(row) for row in np.flatnonzero(evaluation.possible).tolist())


def _of_images(names: Collection[str], images: Sequence[ResolvedImage], nodes: NodeTable) -> list[HelpRow]:
    """What would have to be true of which images, for the nodes that would do then."""
    opened: dict[str, list[str]] = {}
    for row, node in nodes:
        if node.name in names:
            platform = nodes.platform_values.value(int(nodes.platforms[row]))
            lacking = [
                resolved
                for resolved in images
                if match(resolved.answer, platform, volume=resolved.image.volume).outcome is not Outcome.MATCH
            ]
            opened.setdefault(_what_is_lacking(lacking, platform), []).append(node.name)
    return [
        HelpRow(f"if {what}", IMAGE_PLATFORM, len(there), sorted(there)[:EXAMPLES]) for what, there in opened.items()
    ]


def _what_is_lacking(images: Sequence[ResolvedImage], platform: NodePlatform) -> str:
    misnamed, unread, unbuilt = [], [], []
    for resolved in images:
        name, answer = image_name(resolved.image.image), resolved.answer
        if not isinstance(answer, ImageFailure):
            unbuilt.append(name)
        elif answer.cause is FailureCause.INVALID_REFERENCE:
            misnamed.append(name)
        else:
            unread.append(name)
    parts = []
    if misnamed:
        parts.append(f"{_listed(misnamed)} were the name of an image")
    if unread:
        parts.append(f"{_listed(unread)} could be read, and ran there")
    if unbuilt:
        parts.append(f"{_listed(unbuilt)} ran on {platform}")
    return " and ".join(parts) or f"its images ran on {platform}"


def _reasons(names: Sequence[str], statuses: Mapping[str, Rejection | None]) -> str:
    texts = dict.fromkeys(reason for name in names if (found := statuses[name]) for reason in found.reasons)
    shown = list(texts)[:EXAMPLES]
    return "; ".join([*shown, *(["..."] if len(texts) > EXAMPLES else [])])


def _listed(images: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(images))
