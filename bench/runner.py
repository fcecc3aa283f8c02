"""Runs a workload on the decision core alone: no API server, no registry, no queue.

Owns what the operations of ``bench.workloads`` mean here: objects go to the cache as watches would report them, each
pod is assumed on its node before the next is decided, and churn is applied between decisions. Only deciding, assuming
and churn are on the clock, which is the CPU time of this process; objects are made and decoded before.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bench.workloads import Churn, CreateAny, CreateNodes, CreatePods, InvalidWorkload, MeasurePods, Step, Workload
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.cluster.volumes.reservation import reserve
from scheduler.commands.snapshot import read_object
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.images.content import ContentKind, ImageContent, IndexEntry
from scheduler.images.media_types import OCI_INDEX, OCI_MANIFEST
from scheduler.images.platform import parse_platform
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.plugins.catalogue import default_profile

_NODES = msgspec.json.Decoder(Node)
_PODS = msgspec.json.Decoder(Pod)


class WrongOutcome(Exception):
    """A pod was not decided as the workload says it is. The text names the pod."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """``seconds`` of CPU time for so many decisions."""

    workload: str
    nodes: int
    decisions: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.decisions / self.seconds


class CoreRunner:
    """One cluster, one profile, and the images of one workload."""

    def __init__(self, workload: Workload) -> None:
        self.cache = Cache()
        self.cycle = SchedulingCycle(self.cache, default_profile("multiarch-scheduler"))
        self._workload = workload
        self._contents: dict[str, ImageContent] = {}
        self._uids = 0
        self._placed: deque[Pod] = deque()
        """Pods that the scheduler placed, oldest first."""

    def run(self, params: Mapping[str, int]) -> Measurement:
        """Carry out all steps. Raises WrongOutcome, InvalidWorkload."""
        decisions, seconds = 0, 0.0
        churns: list[tuple[Churn, Step]] = []
        for step in self._workload.steps(params):
            match step.op:
                case CreateNodes() | CreateAny():
                    self.create(step)
                case CreatePods():
                    for info in self.infos(step):
                        self.place(info)
                case Churn() as churn:
                    churns.append((churn, step))
                case MeasurePods(outcome=outcome):
                    infos = list(self.infos(step))
                    happens = [_Churning(self, churn, beside, len(infos)) for churn, beside in churns]
                    decide = self.place if outcome == "placed" else self._refuse
                    seconds += _timed(infos, decide, happens)
                    decisions += len(infos)
        return Measurement(self._workload.name, params["nodes"], decisions, seconds)

    def create(self, step: Step) -> None:
        """All objects of the step are there."""
        for document in step.objects():
            read_object(self.cache, msgspec.Raw(document), (), self._workload.name, step.template.kind)

    def infos(self, step: Step) -> Iterator[PodInfo]:
        """All pods of the step, ready to be decided."""
        for document in step.objects():
            pod = self._admitted(_PODS.decode(document))
            images = tuple(ResolvedImage(image, self._content(image.image)) for image in pod_images(pod))
            yield make_pod_info(pod, images, self.cache.classes)

    def place(self, info: PodInfo) -> None:
        """Decide and assume, as the scheduling loop does."""
        decision = self.cycle.decide(info)
        if not isinstance(decision, Placed):
            raise WrongOutcome(f"{info.key} found no node: {decision.fit_error.message}")
        self.cache.assume(info, decision.node)
        if info.pod_class.volumes.claims:
            self._reserve(info, decision.node)
        self._placed.append(info.pod)

    def step_churn(self, churn: Churn, made: Node | Pod | None, there: deque[Node | Pod]) -> None:
        """One step: ``made`` joins, and what must go for it goes. ``there`` are those that joined before."""
        if churn.mode == "delete":
            self.cache.remove_pod(self._placed.popleft())
        if made is None:
            return
        if churn.mode == "recreate" and len(there) == churn.number:
            self._remove(there.popleft())
        there.append(made)
        if isinstance(made, Node):
            self.cache.add_node(made)
        else:
            self.cache.add_pod(made)

    # Private

    def _remove(self, thing: Node | Pod) -> None:
        if isinstance(thing, Node):
            self.cache.remove_node(thing.name)
        else:
            self.cache.remove_pod(thing)

    def _reserve(self, info: PodInfo, name: str) -> None:
        """Volumes are given to the pod's claims, as before a binding."""
        nodes = self.cache.nodes
        row = nodes.row_of(name)
        if row is not None:
            reserve(nodes.volumes, info.pod_class.volumes, nodes.node(row))

    def _refuse(self, info: PodInfo) -> None:
        decision = self.cycle.decide(info)
        if isinstance(decision, Placed):
            raise WrongOutcome(f"{info.key} found a node: {decision.node}")

    def _admitted(self, pod: Pod) -> Pod:
        """With a uid, which every API server gives."""
        self._uids += 1
        metadata = msgspec.structs.replace(pod.metadata, uid=f"00000000-0000-4000-8000-{self._uids:012x}")
        return msgspec.structs.replace(pod, metadata=metadata)

    def _content(self, image: str) -> ImageContent:
        """What the image holds: one object per image, as a resolver would give it."""
        found = self._contents.get(image)
        if found is None:
            repository = image.partition("/")[2].partition(":")[0]
            found = self._contents[image] = an_index(self._workload.platforms_of(repository))
        return found


def an_index(platforms: Sequence[str]) -> ImageContent:
    """An image that was built for these platforms."""
    return ImageContent(
        "sha256:" + "1" * 64,
        ContentKind.INDEX,
        OCI_INDEX,
        entries=tuple(
            IndexEntry(f"sha256:{number:064d}", OCI_MANIFEST, parse_platform(platform))
            for number, platform in enumerate(platforms)
        ),
    )


class _Churning:
    """A churn operation beside so many measured pods. Its objects are made beforehand."""

    def __init__(self, runner: CoreRunner, churn: Churn, step: Step, pods: int) -> None:
        self._runner = runner
        self._churn = churn
        self._left = churn.every
        self._there: deque[Node | Pod] = deque()
        kind = step.template.kind
        if kind not in {"", "Node", "Pod"}:
            raise InvalidWorkload(f"churn of the kind {kind} is not known to this runner")
        decoder = _NODES if kind == "Node" else _PODS
        steps = pods // churn.every if kind else 0
        self._made = iter([decoder.decode(step.template.make(step.first + turn, turn)) for turn in range(steps)])

    def beside(self) -> None:
        """A pod was decided."""
        self._left -= 1
        if not self._left:
            self._left = self._churn.every
            self._runner.step_churn(self._churn, next(self._made, None), self._there)


def _timed(infos: Sequence[PodInfo], decide: Callable[[PodInfo], None], churns: Sequence[_Churning]) -> float:
    gc.collect()
    start = time.process_time()
    for info in infos:
        decide(info)
        for churning in churns:
            churning.beside()
    return time.process_time() - start
