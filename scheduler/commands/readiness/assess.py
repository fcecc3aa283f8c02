"""On which platforms each workload could run today, and what keeps it from the others.

Owns the judgement: images by the rules that decide about pods (``images.matching``), on a node of the platform as it
would report itself; then whether the pod's own words about operating system and architecture keep it away. Other
demands of pods, such as memory or taints, are no matter of platforms and not looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from scheduler.api.pod import Pod
from scheduler.api.requirement import all_match
from scheduler.api.selectors import InvalidSelector, is_empty, parse_term
from scheduler.commands.readiness.document import ImageRow, PlatformRow, ReadinessReport, Standing, WorkloadRow
from scheduler.commands.readiness.workloads import Workload
from scheduler.images.content import ImageContent, ImageFailure, offered_platforms
from scheduler.images.matching import match
from scheduler.images.node_platform import (
    ARCHITECTURE_LABEL,
    BETA_ARCHITECTURE_LABEL,
    BETA_OS_LABEL,
    OS_LABEL,
    NodePlatform,
)
from scheduler.images.pod_images import ResolvedImage, required_os
from scheduler.images.verdict import Outcome

Images = tuple[ResolvedImage, ...]


def assess(
    workloads: Sequence[tuple[Workload, Images]],
    targets: Mapping[str, NodePlatform],
    nodes: Mapping[str, int],
    notes: Sequence[str] = (),
) -> ReadinessReport:
    """``targets``: the platforms to tell of, by name. ``nodes``: by the same names, how many the cluster has."""
    rows = [_workload(workload, images, targets) for workload, images in workloads]
    return ReadinessReport(
        [_platform(platform, nodes.get(platform, 0), rows) for platform in targets],
        sorted(rows, key=lambda row: (row.namespace, row.kind, row.name)),
        _images(rows, {resolved.image.image: resolved.answer for _, images in workloads for resolved in images}),
        list(notes),
    )


def _workload(workload: Workload, images: Images, targets: Mapping[str, NodePlatform]) -> WorkloadRow:
    metadata = workload.pod.metadata
    row = WorkloadRow(metadata.namespace, workload.kind, metadata.name, workload.pods, {}, {})
    for platform, node in targets.items():
        by_outcome = defaultdict(list)
        for resolved in images:
            verdict = match(resolved.answer, node, volume=resolved.image.volume)
            by_outcome[verdict.outcome].append(resolved.image.image)
        if by_outcome[Outcome.NO_MATCH]:
            standing, named = Standing.BLOCKED, by_outcome[Outcome.NO_MATCH]
        elif by_outcome[Outcome.UNKNOWN]:
            standing, named = Standing.UNKNOWN, by_outcome[Outcome.UNKNOWN]
        else:
            standing, named = (Standing.PINNED if _is_kept_away(workload.pod, node) else Standing.READY), []
        row.standings[platform] = standing
        if named:
            row.images[platform] = list(dict.fromkeys(named))
    return row


def _is_kept_away(pod: Pod, node: NodePlatform) -> bool:
    """By what the pod itself says about operating system and architecture."""
    wanted_os = required_os(pod)
    if wanted_os is not None and wanted_os != node.os:
        return True
    labels = {
        OS_LABEL: node.os,
        BETA_OS_LABEL: node.os,
        ARCHITECTURE_LABEL: node.architecture,
        BETA_ARCHITECTURE_LABEL: node.architecture,
    }
    if any(labels.get(key, value) != value for key, value in pod.spec.node_selector.items()):
        return True
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    if affinity is None or affinity.required is None:
        return False
    terms = [term for term in affinity.required.node_selector_terms if not is_empty(term)]
    try:
        expressions = [parse_term(term).expressions for term in terms]
    except InvalidSelector:
        return True
    return not any(all_match((each for each in term if each.key in labels), labels) for term in expressions)


def _platform(platform: str, nodes: int, rows: Iterable[WorkloadRow]) -> PlatformRow:
    workloads: Counter[Standing] = Counter()
    pods: Counter[Standing] = Counter()
    for row in rows:
        workloads[row.standings[platform]] += 1
        pods[row.standings[platform]] += row.pods
    return PlatformRow(
        platform,
        nodes,
        {standing: workloads[standing] for standing in Standing},
        {standing: pods[standing] for standing in Standing},
    )


def _images(rows: Iterable[WorkloadRow], answers: Mapping[str, object]) -> list[ImageRow]:
    """Those that block most first."""
    blocks: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for platform, named in row.images.items():
            for image in named:
                blocks[image][platform] += 1
    found = [ImageRow(image, *_known(answers[image]), dict(counts)) for image, counts in blocks.items()]
    return sorted(found, key=lambda row: (-sum(row.blocks.values()), row.image))


def _known(answer: object) -> tuple[list[str], str]:
    if isinstance(answer, ImageFailure):
        return [], answer.message
    return (list(map(str, offered_platforms(answer))) if isinstance(answer, ImageContent) else []), ""
