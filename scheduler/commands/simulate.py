"""``multiarch-scheduler simulate``: where would these workloads go? Decides over a snapshot, and touches no cluster.

Owns the order: read all files, put the cluster together, make the pods, learn what their images are built for, run, and
sum up. What each of that means is in ``simulation``; the decisions are the scheduler's own queue, cycle and preemption.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler.commands.evaluate import read_images
from scheduler.commands.platforms import DOCKER_CONFIG
from scheduler.commands.simulation.admission import Admission
from scheduler.commands.simulation.cluster import SimulatedCluster
from scheduler.commands.simulation.documents import read_objects
from scheduler.commands.simulation.outcome import Evicted, Outcome, Placement, Unplaced
from scheduler.commands.simulation.running import Images, Result, Run
from scheduler.commands.simulation.utilisation import Requested, platform_of, requested, utilisation
from scheduler.config.scheduler_configuration import DEFAULT_SCHEDULER_NAME, read_scheduler_configuration
from scheduler.framework.profile import Profile
from scheduler.images.content import ImageAnswer, ImageFailure
from scheduler.images.pod_images import pod_images
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings
from scheduler.plugins.catalogue import Selection, default_selection, make_profile
from scheduler.plugins.extension_points import IMAGE_PLATFORM

EVERYTHING_PLACED, UNPLACED = 0, 3
"""Exit codes; 1 is for what cannot be read, 2 is click's for words that it does not understand."""

BLIND = "what images are built for was not looked at; --images FILE or --resolve says it"

Advance = Callable[[str, int, int], None]
"""(step, done, of): called as the work goes on."""


def _unseen(_step: str, _done: int, _of: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``pending``: the snapshot's own pending pods are placed as well.

    ``images``: a file of image -> platforms; ``registries``: whom to ask about the others. With neither, no profile
    looks at images.
    """

    snapshot: Sequence[str]
    workloads: Sequence[str] = ()
    configuration: Path | None = None
    images: Path | None = None
    registries: RegistrySettings | None = None
    pending: bool = True


def simulate(question: Question, advance: Advance = _unseen) -> Outcome:
    """Raises InvalidObject, InvalidSettings, InvalidImages."""
    profiles = _profiles(question)
    listed = {} if question.images is None else read_images(question.images)
    snapshot = [sourced for path in question.snapshot for sourced in read_objects(path)]
    wanted = [sourced for path in question.workloads for sourced in read_objects(path)]
    cluster = SimulatedCluster(profiles, pending=question.pending)
    for i, sourced in enumerate(snapshot):
        cluster.take(sourced)
        advance("reading the snapshot", i + 1, len(snapshot))
    cluster.create(wanted, Admission([*snapshot, *wanted]))
    images: Images | None = None
    if question.images is not None or question.registries is not None:
        names = dict.fromkeys(image.image for pod in cluster.pods.values() for image in pod_images(pod))
        images = {**listed, **_asked(question.registries, [name for name in names if name not in listed], advance)}
    before = requested(cluster.cache.nodes)
    run = Run(cluster.cache, profiles, images, _counting(advance, len(cluster.pods)))
    for pod in cluster.pods.values():
        run.add(pod)
    return _outcome(cluster, run.finish(), before, list(_notes(question, images)))


def registries(plain_http: Sequence[str]) -> RegistrySettings:
    """Whom to ask, and with the docker credentials of whoever runs this."""
    return RegistrySettings(
        plain_http=frozenset(plain_http), docker_configs=(DOCKER_CONFIG.expanduser(),), open_children=True
    )


def exit_code(outcome: Outcome) -> int:
    return UNPLACED if outcome.left else EVERYTHING_PLACED


def _profiles(question: Question) -> list[Profile]:
    if question.configuration is None:
        selections: tuple[Selection, ...] = (default_selection(DEFAULT_SCHEDULER_NAME),)
    else:
        selections = read_scheduler_configuration(question.configuration).selections
    if question.images is None and question.registries is None:
        selections = tuple(selection.without(IMAGE_PLATFORM) for selection in selections)
    return [make_profile(selection) for selection in selections]


def _asked(registries: RegistrySettings | None, images: Sequence[str], advance: Advance) -> Images:
    if registries is None or not images:
        return {}
    return asyncio.run(_ask(registries, images, advance))


async def _ask(registries: RegistrySettings, images: Sequence[str], advance: Advance) -> Images:
    resolver = Resolver(registries)
    done = _counting(advance, len(images), "asking registries")

    async def answer(image: str) -> ImageAnswer:
        found = await resolver.resolve(image)
        done()
        return found

    try:
        answers = await asyncio.gather(*map(answer, images))
    finally:
        await resolver.close()
    return dict(zip(images, answers, strict=True))


def _counting(advance: Advance, of: int, step: str = "deciding") -> Callable[[], None]:
    numbers = itertools.count(1)
    return lambda: advance(step, min(next(numbers), of), of)


def _notes(question: Question, images: Images | None) -> Iterator[str]:
    if images is None:
        yield BLIND
    elif question.registries is None:
        yield f"images that are not in {question.images} run nowhere; with --resolve registries are asked about them"
    for image, answer in (images or {}).items():
        if isinstance(answer, ImageFailure):
            yield f"image {image} could not be read: {answer.message}"


def _outcome(cluster: SimulatedCluster, result: Result, before: Requested, notes: list[str]) -> Outcome:
    nodes = cluster.cache.nodes
    platforms = {node.name: platform_of(nodes, row) for row, node in nodes}
    placements = [
        Placement(pod.key, cluster.workloads[uid], node, platforms.get(node, "unknown"))
        for uid, pod in cluster.pods.items()
        if (node := result.placed.get(uid)) is not None
    ]
    reasons: dict[str, list[str]] = {}
    for uid in cluster.pods:
        if uid not in result.placed:
            reasons.setdefault(result.unplaced[uid], []).append(uid)
    unplaced = [_group(cluster, why, reasons[why]) for why in sorted(reasons, key=lambda why: -len(reasons[why]))]
    evictions = [Evicted(gone.victim.key, gone.node, gone.preemptor.key) for gone in result.evictions]
    return Outcome(len(nodes), len(cluster.pods), placements, utilisation(nodes, before), evictions, unplaced, notes)


def _group(cluster: SimulatedCluster, why: str, uids: Sequence[str]) -> Unplaced:
    workloads = Counter(cluster.workloads[uid] for uid in uids)
    return Unplaced(why, len(uids), dict(workloads), [cluster.pods[uid].key for uid in uids])
