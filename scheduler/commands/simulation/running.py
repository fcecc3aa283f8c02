"""The run: every pending pod goes through the queue and the scheduling cycle until nothing moves any more.

Owns what takes the place of the cluster: a placed pod counts at once, victims of a preemption are gone at once, so that
the pod they left their room is decided again before any other, and both wake waiting pods by the plugins' hints, as the
watch would. Time stands still while there is something to try; then the five minutes pass after which the queue tries
the rest again, until that changes nothing. Victims are not made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import Likeness, PodInfo, make_pod_info, uid_of
from scheduler.cluster.volumes.reservation import BindingFailed, reserve
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.framework.post_filter import Candidate, Nominating, PostFilterResult
from scheduler.framework.profile import Profile, hints_of
from scheduler.framework.status import AttemptError
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.plugins.extension_points import IMAGE_PLATFORM
from scheduler.queue.backoff import Backoff
from scheduler.queue.events import ClusterEvent, EventKind
from scheduler.queue.queued_pod import QueuedPod
from scheduler.queue.scheduling_queue import UNSCHEDULABLE_FOR_AT_MOST, SchedulingQueue

NOT_LISTED = ImageFailure(FailureCause.NOT_FOUND, "nothing says what it is built for")

Images = Mapping[str, ImageAnswer]


@dataclass(frozen=True, slots=True)
class Eviction:
    """``victim`` left ``node`` to make room for ``preemptor``."""

    victim: Pod
    node: str
    preemptor: Pod


@dataclass(slots=True)
class Result:
    """By uid: where pods were placed, and why the others were not."""

    placed: dict[str, str] = field(default_factory=dict)
    unplaced: dict[str, str] = field(default_factory=dict)
    evictions: list[Eviction] = field(default_factory=list)


class Run:
    """``images``: None if no profile looks at them. ``settled`` is called for each pod that was placed, or given up.

    With one profile every pod is decided by it; of several, by the one that the pod names.
    """

    def __init__(
        self, cache: Cache, profiles: Sequence[Profile], images: Images | None, settled: Callable[[], None]
    ) -> None:
        self._cache = cache
        self._cycles = {profile.scheduler_name: SchedulingCycle(cache, profile) for profile in profiles}
        self._only = next(iter(self._cycles.values())) if len(self._cycles) == 1 else None
        self._images = images
        self._settled = settled
        self._queue = SchedulingQueue(hints_of(profiles), Backoff(), IMAGE_PLATFORM)
        self._changes = 0
        self._no_room: dict[tuple[Likeness, int, str], tuple[int, PostFilterResult | None]] = {}
        self._now = 0.0
        self.result = Result()

    def add(self, pod: Pod) -> None:
        """A pod that has a uid. One that names its node is there at once, whatever the plugins would say."""
        if pod.spec.node_name:
            self._cache.add_pod(pod)
            self.result.placed[pod.metadata.uid] = pod.spec.node_name
            self._settled()
            return
        gates = [gate.name for gate in pod.spec.scheduling_gates]
        if gates:
            self._give_up(pod, f"waiting for scheduling gates: [{' '.join(gates)}]")
        elif self._only is None and pod.spec.scheduler_name not in self._cycles:
            self._give_up(pod, f"no profile is called {pod.spec.scheduler_name!r}")
        elif self._queue.update(pod, self._now):
            self._queue.images_known(pod.metadata.uid, self._resolved(pod), self._now)

    def finish(self) -> Result:
        """Decide until nothing changes."""
        before = -1
        while before != self._changes:
            before = self._changes
            while (queued := self._queue.pop(self._now)) is not None:
                self._attempt(queued)
            self._now += UNSCHEDULABLE_FOR_AT_MOST
            for pod in self._queue.wake(self._now):
                self._queue.images_known(pod.metadata.uid, self._resolved(pod), self._now)
        for _ in self._queue:
            self._settled()
        return self.result

    def _attempt(self, queued: QueuedPod) -> None:
        pod = queued.pod
        cycle = self._only or self._cycles[pod.spec.scheduler_name]
        info = make_pod_info(pod, None if self._images is None else queued.images, self._cache.classes)
        try:
            decision = cycle.decide(info)
            while isinstance(decision, Unschedulable) and self._finds_room(info, cycle, decision):
                decision = cycle.decide(info)
            if isinstance(decision, Placed):
                self._place(info, decision.node)
            else:
                self._queue.park(queued.uid, decision.fit_error.rejecting_plugins, self._now)
        except (AttemptError, BindingFailed) as error:  # it would come again: nothing but the pod has to change
            self._queue.done(queued.uid)
            self._withdraw(pod)
            self._give_up(pod, str(error))

    def _place(self, info: PodInfo, node: str) -> None:
        self._cache.assume(info, node)
        row = self._cache.nodes.row_of(node)
        if row is not None and info.pod_class.volumes.claims:
            try:
                reserve(self._cache.nodes.volumes, info.pod_class.volumes, self._cache.nodes.node(row))
            except BindingFailed:
                self._cache.forget(info.uid)
                raise
        self._queue.done(info.uid)
        self._changes += 1
        self.result.placed[info.uid] = node
        self.result.unplaced.pop(info.uid, None)
        self._settled()
        spec = msgspec.structs.replace(info.pod.spec, node_name=node)
        self._happened(EventKind.ASSIGNED_POD_ADD, None, msgspec.structs.replace(info.pod, spec=spec))

    def _finds_room(self, info: PodInfo, cycle: SchedulingCycle, decision: Unschedulable) -> bool:
        """Whether room was made, so that the pod is to be decided again."""
        fit_error = decision.fit_error
        result = self._post_filter(info, cycle, decision)
        message = fit_error.message if result is None else f"{fit_error.message} {result.message}"
        self.result.unplaced[info.uid] = message
        chosen = None if result is None else result.chosen
        if chosen is not None:
            self._cache.nominate(info.pod, chosen.node)
            self._make_room(info.pod, chosen)
            return True
        if not fit_error.nodes or (result is not None and result.nominating is Nominating.SET):
            self._withdraw(info.pod)
        return False

    def _post_filter(self, info: PodInfo, cycle: SchedulingCycle, decision: Unschedulable) -> PostFilterResult | None:
        """The framework's answer; asked once for all pods that are alike, while nothing changes."""
        pod = info.pod
        key = info.likeness, pod.priority, pod.spec.preemption_policy
        known = self._no_room.get(key)
        if known is not None and known[0] == self._changes and not self._cache.nominated_node(pod):
            return known[1]
        result = cycle.post_filter(info, decision.fit_error)
        if (result is None or result.chosen is None) and not self._cache.nominated_node(pod):
            self._no_room[key] = self._changes, result
        return result

    def _make_room(self, pod: Pod, chosen: Candidate) -> None:
        for nominated in [placed.pod for placed in self._cache.nominations.on(chosen.node)]:
            if nominated.priority < pod.priority:
                self._withdraw(nominated)
        for victim in chosen.victims:
            self._changes += 1
            self._cache.remove_pod(victim)
            self._cache.budgets.spend(victim)
            self.result.evictions.append(Eviction(victim, chosen.node, pod))
            if self.result.placed.pop(uid_of(victim), None) is not None:
                self.result.unplaced[uid_of(victim)] = f"preempted on node {chosen.node} by pod {pod.key}"
            self._happened(EventKind.ASSIGNED_POD_DELETE, victim, None)

    def _withdraw(self, pod: Pod) -> None:
        """Those who left the pod its room may be helped."""
        if self._cache.nominations.withdraw(uid_of(pod)):
            self._changes += 1
            self._happened(EventKind.ASSIGNED_POD_DELETE, pod, None)

    def _give_up(self, pod: Pod, why: str) -> None:
        self.result.unplaced[pod.metadata.uid] = why
        self._settled()

    def _happened(self, kind: EventKind, old: Pod | None, new: Pod | None) -> None:
        self._queue.on_event(ClusterEvent(kind, old, new), self._now)

    def _resolved(self, pod: Pod) -> tuple[ResolvedImage, ...]:
        images = self._images or {}
        return tuple(ResolvedImage(image, images.get(image.image, NOT_LISTED)) for image in pod_images(pod))
