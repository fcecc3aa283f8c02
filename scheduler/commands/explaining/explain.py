"""Why a pod is where it is, or nowhere: the decision made again on a picture of the cluster, and told at length.

Owns what is asked of the core: the pod is taken off its node if it has one, so that the same question is answered as
when it was pending, on the cluster as it is now. Reading the cluster is ``live``'s, the words for people ``text``'s.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info, uid_of
from scheduler.commands.explaining.document import GroupRow, ImageRow, PodExplanation, ReasonRow, ScoreRow
from scheduler.commands.explaining.groups import group_of
from scheduler.commands.explaining.remedies import remedies
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.framework.explanation import explain_scores, explain_statuses
from scheduler.framework.pod_evaluation import PodEvaluation
from scheduler.framework.status import AttemptError, Code, Rejection
from scheduler.images.content import ImageContent, ImageFailure, offered_platforms
from scheduler.images.pod_images import ResolvedImage
from scheduler.plugins.catalogue import Selection, make_profile

BEST = 5
"""Nodes whose scores are told, besides the pod's own."""


def explain_pod(
    pod: Pod, images: tuple[ResolvedImage, ...], cache: Cache, selection: Selection, label: str | None = None
) -> PodExplanation:
    """``cache`` is changed: the pod is taken off its node. ``label``: see ``groups.group_of``."""
    node = pod.spec.node_name
    cache.remove_pod(pod)
    told = PodExplanation(
        pod.key,
        pod.spec.scheduler_name,
        pod.status.phase or "Pending",
        node=node,
        said=next((c.message for c in pod.status.conditions if c.type == "PodScheduled" and c.message), ""),
        images=[_image(resolved) for resolved in images],
    )
    info = make_pod_info(_pending(pod), images, cache.classes)
    cycle = SchedulingCycle(cache, make_profile(selection))
    try:
        decision = cycle.decide(info)
        evaluation = cycle.pod_evaluation(info)
        if isinstance(decision, Unschedulable):
            _tell_failure(told, decision, cycle, info)
        else:
            _tell_choice(told, decision, evaluation, cache)
        if evaluation.rejection is None and len(cache.nodes):
            statuses = explain_statuses(evaluation, cache.nodes)
            told.groups = _groups(cache, statuses, label)
            if isinstance(decision, Unschedulable):
                told.helps = remedies(selection, info, cache, statuses)
    except AttemptError as error:
        told.verdict = f"the attempt fails: {error}"
    return told


def _pending(pod: Pod) -> Pod:
    """As it was before it got a node."""
    spec = msgspec.structs.replace(pod.spec, node_name="")
    metadata = msgspec.structs.replace(pod.metadata, uid=uid_of(pod))
    return msgspec.structs.replace(pod, spec=spec, metadata=metadata)


def _tell_failure(told: PodExplanation, decision: Unschedulable, cycle: SchedulingCycle, info: PodInfo) -> None:
    told.verdict = decision.fit_error.message
    if info.pod.spec.scheduling_gates:
        gates = ", ".join(gate.name for gate in info.pod.spec.scheduling_gates)
        told.notes.append(f"it is not tried while it has scheduling gates: {gates}")
    result = cycle.post_filter(info, decision.fit_error)
    if result is not None:
        told.preemption = result.message.strip().removeprefix("preemption: ")
        if result.chosen is not None:
            victims = ", ".join(victim.key for victim in result.chosen.victims)
            told.preemption = f"evicting {victims} from {result.chosen.node} would make room"


def _tell_choice(told: PodExplanation, decision: Placed, evaluation: PodEvaluation, cache: Cache) -> None:
    told.verdict = f"{decision.feasible} of {decision.evaluated} nodes can take it"
    feasible = [cache.nodes.name(row) for row, _ in cache.nodes if evaluation.possible[row]]
    scores = explain_scores(evaluation, cache.nodes, feasible)
    rows = sorted(
        (
            ScoreRow(
                name, sum(parts.values()), {plugin: part for plugin, part in parts.items() if part}, name == told.node
            )
            for name, parts in scores.items()
        ),
        key=lambda row: (-row.total, row.node),
    )
    told.scores = [row for place, row in enumerate(rows) if place < BEST or row.chosen]
    if told.node and told.node not in scores:
        told.notes.append(f"{told.node}, where it runs, would not take it now: the cluster has changed since")


def _groups(cache: Cache, statuses: Mapping[str, Rejection | None], label: str | None) -> list[GroupRow]:
    nodes = cache.nodes
    members: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row, node in nodes:
        platform = str(nodes.platform_values.value(int(nodes.platforms[row])))
        members[group_of(node.metadata.labels, platform, label), platform].append(node.name)
    return [
        GroupRow(
            group,
            platform,
            len(names),
            sum(statuses[name] is None for name in names),
            _reasons([found for name in names if (found := statuses[name]) is not None]),
        )
        for (group, platform), names in sorted(members.items())
    ]


def _reasons(rejections: list[Rejection]) -> list[ReasonRow]:
    counted = Counter(
        (reason, rejection.plugin, rejection.code is Code.UNRESOLVABLE)
        for rejection in rejections
        for reason in rejection.reasons
    )
    return [ReasonRow(text, plugin, count, lasting) for (text, plugin, lasting), count in counted.most_common()]


def _image(resolved: ResolvedImage) -> ImageRow:
    answer, image = resolved.answer, resolved.image
    if isinstance(answer, ImageFailure):
        return ImageRow(image.image, image.source, problem=answer.message)
    platforms = list(map(str, offered_platforms(answer))) if isinstance(answer, ImageContent) else []
    return ImageRow(image.image, image.source, platforms)
