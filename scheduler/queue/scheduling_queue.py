"""The pending pods: which one is tried next, and what each of the others waits for.

A machine without input, output or clock: calls tell it what happened and when, return values say what the caller now
owes. It never loses a pod and never holds one twice; only ``done`` and ``delete`` let a pod go.

    update --> GATED --gates gone--> AWAITING_IMAGES --images_known--> ACTIVE --pop--> IN_FLIGHT --done--> (gone)
                                       ^                               ^   ^             |
                                       |                     BACKOFF --+   |             +--fail--> BACKOFF
                                       |                        ^          |             |
                                       +-- an image changed     +------ UNSCHEDULABLE <--+--park

The stages, their order and their timing are kube-scheduler's (``pkg/scheduler/backend/queue``), with one stage more:
a pod whose images are not known yet waits outside the active queue, so that no decision ever waits for a registry.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from scheduler.api.pod import Pod
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.queue.backoff import Backoff
from scheduler.queue.events import ClusterEvent, EventKind, ImageHint, QueueingHints
from scheduler.queue.queued_pod import QueuedPod, Stage

UNSCHEDULABLE_FOR_AT_MOST = 300.0
"""Seconds after which an unschedulable pod is tried again whatever happened (kube-scheduler's flush of leftovers)."""

IMAGE_RECHECK_AFTER = 60.0
"""Seconds after which the images of a pod that they kept off every node are asked for again: a tag may have moved."""


class SchedulingQueue:
    """All pending pods of this scheduler, keyed by UID.

    ``hints`` gives each plugin's queueing hints by plugin name; ``image_plugin`` names the plugin whose rejections are
    about images. Where its hint finds an event helpful, ``image_hint`` is asked as well.
    """

    def __init__(
        self,
        hints: Mapping[str, QueueingHints],
        backoff: Backoff,
        image_plugin: str,
        image_hint: ImageHint | None = None,
    ) -> None:
        self._hints = hints
        self._backoff = backoff
        self._image_plugin = image_plugin
        self._image_hint = image_hint
        self._pods: dict[str, QueuedPod] = {}
        self._order = itertools.count()
        self._active: list[tuple[int, float, int, str]] = []
        self._early: list[tuple[int, float, int, str]] = []
        self._timers: list[tuple[float, int, str]] = []
        self._parked: dict[frozenset[str], dict[str, QueuedPod]] = {}

    # What a pending pod does by itself

    def update(self, pod: Pod, now: float) -> bool:
        """Takes a new or changed pending pod in. True: the caller now owes its images.

        They are owed when the pod is new, when its last gate is gone, and again when an image of it changed.
        """
        queued = self._pods.get(pod.metadata.uid)
        if queued is None:
            return self._add(pod, now)
        old, stage = queued.pod, queued.stage
        queued.replace_pod(pod)
        if stage is Stage.GATED:
            return not pod.spec.scheduling_gates and self._await_images(queued)
        if pod_images(old) != pod_images(pod):
            queued.images = None
            return stage is not Stage.IN_FLIGHT and self._await_images(queued)
        if stage is Stage.UNSCHEDULABLE:
            self._wake_by_own_change(queued, old, now)
        return False

    def delete(self, uid: str) -> None:
        """The pod is gone, or somebody else bound it. Unknown UIDs are fine: a watch may tell twice."""
        queued = self._pods.pop(uid, None)
        if queued is not None:
            self._unpark(queued)

    # Images

    def images_known(self, uid: str, images: tuple[ResolvedImage, ...], now: float) -> bool:
        """All images of the pod are known. True if that moved the pod on."""
        queued = self._pods.get(uid)
        if queued is None or tuple(resolved.image for resolved in images) != pod_images(queued.pod):
            return False  # gone, or an answer to a question that its last change made obsolete
        changed, queued.images, queued.image_failures = queued.images != images, images, 0
        if queued.stage is Stage.AWAITING_IMAGES:
            self._activate(queued, now)
            return True
        if queued.stage is Stage.UNSCHEDULABLE:
            if changed:
                self._leave_unschedulable(queued, now)
                return True
            self._sleep_until(queued, self._leftover_time(queued, now))
        return False

    def images_unknown(self, uid: str, retry_after: float, now: float) -> None:
        """An image could not be read: ``wake`` names the pod again after ``retry_after`` seconds."""
        queued = self._pods.get(uid)
        if queued is None:
            return
        queued.image_failures += 1
        if queued.stage is Stage.AWAITING_IMAGES:
            self._sleep_until(queued, now + retry_after)
        elif queued.stage is Stage.UNSCHEDULABLE:
            self._sleep_until(queued, min(now + retry_after, queued.parked_at + UNSCHEDULABLE_FOR_AT_MOST))

    # Attempts

    def pop(self, now: float) -> QueuedPod | None:
        """The pod to try next, now IN_FLIGHT: the caller owes one of ``done``, ``park`` and ``fail``.

        Highest priority first, then longest in the active queue. With nothing active, a pod in backoff is tried early
        unless it failed by a fault (upstream's gate SchedulerPopFromBackoffQ).
        """
        queued = self._first(self._active, Stage.ACTIVE) or self._first(self._early, Stage.BACKOFF)
        if queued is None:
            return None
        queued.stage = Stage.IN_FLIGHT
        queued.attempts += 1
        self._sleep_until(queued, math.inf)
        return queued

    def park(self, uid: str, rejected_by: Iterable[str], now: float) -> bool:
        """No node was good enough: the pod waits for an event that one of the rejecting plugins finds helpful.

        True: an image of it changed meanwhile, the caller owes its images.
        """
        queued = self._pods.get(uid)
        if queued is None or queued.stage is not Stage.IN_FLIGHT:
            return False
        queued.error_count = 0
        queued.unschedulable_count += 1
        queued.backoff_until = now + self._backoff.duration(queued.unschedulable_count)
        queued.rejected_by = frozenset(rejected_by)
        queued.parked_at = now
        if queued.images is None:
            return self._await_images(queued)
        if queued.rejected_by:
            queued.stage = Stage.UNSCHEDULABLE
            self._parked.setdefault(queued.rejected_by, {})[uid] = queued
            self._sleep_until(queued, self._leftover_time(queued, now))
        else:
            self._back_off(queued, early=False)
        return False

    def fail(self, uid: str, now: float) -> bool:
        """A fault ended the attempt (binding failed, say): the pod is tried again after its backoff, whatever happens.

        True: as ``park`` says.
        """
        queued = self._pods.get(uid)
        if queued is None or queued.stage is not Stage.IN_FLIGHT:
            return False
        queued.error_count += 1
        queued.rejected_by = frozenset()
        queued.backoff_until = now + self._backoff.duration(queued.error_count)
        if queued.images is None:
            return self._await_images(queued)
        self._back_off(queued, early=False)
        return False

    def hold(self, uid: str) -> None:
        """Room is being made for the pod: it is not to be tried again before ``release``."""
        queued = self._pods.get(uid)
        if queued is not None:
            queued.held = True

    def release(self, uid: str, now: float, *, retry: bool) -> None:
        """That is over. The pod moves on if something happened meanwhile that may help it, or if it is to try again."""
        queued = self._pods.get(uid)
        if queued is None:
            return
        moves, queued.held, queued.missed = retry or queued.missed, False, False
        if moves and queued.stage is Stage.UNSCHEDULABLE:
            self._leave_unschedulable(queued, now)

    def done(self, uid: str) -> None:
        """The pod is bound."""
        self.delete(uid)

    # Events and time

    def on_event(self, event: ClusterEvent, now: float, *, up_to: int | None = None) -> int:
        """Moves the unschedulable pods that the event may help; returns how many.

        ``up_to``: it can help no pod of a higher priority.
        """
        moved = 0
        for plugins in [plugins for plugins in self._parked if self._listens(plugins, event.kind)]:
            for queued in list(self._parked[plugins].values()):
                if (up_to is None or queued.priority <= up_to) and self._helps(queued, event):
                    self._leave_unschedulable(queued, now)
                    moved += 1
        return moved

    def wake(self, now: float) -> list[Pod]:
        """Moves on whom time alone moves on. Returns the pods whose images are to be asked for (again)."""
        ask: list[Pod] = []
        while self._timers and self._timers[0][0] <= now:
            when, _, uid = heapq.heappop(self._timers)
            queued = self._pods.get(uid)
            if queued is None or queued.wake_at != when:
                continue
            queued.wake_at = math.inf
            if queued.stage is Stage.BACKOFF:
                self._activate(queued, now)
            elif queued.stage is Stage.AWAITING_IMAGES:
                ask.append(queued.pod)
            elif queued.stage is Stage.UNSCHEDULABLE:
                self._outwaited(queued, now, ask)
        return ask

    def next_wake(self) -> float:
        """When ``wake`` has something to do next; infinite if never."""
        while self._timers:
            when, _, uid = self._timers[0]
            queued = self._pods.get(uid)
            if queued is not None and queued.wake_at == when:
                return when
            heapq.heappop(self._timers)
        return math.inf

    # Questions

    def get(self, uid: str) -> QueuedPod | None:
        return self._pods.get(uid)

    def counts(self) -> Counter[Stage]:
        return Counter(queued.stage for queued in self._pods.values())

    def __iter__(self) -> Iterator[QueuedPod]:
        return iter(self._pods.values())

    def __len__(self) -> int:
        return len(self._pods)

    # Moves

    def _add(self, pod: Pod, now: float) -> bool:
        queued = QueuedPod(pod=pod, added_at=now, stage=Stage.GATED)
        self._pods[queued.uid] = queued
        return not pod.spec.scheduling_gates and self._await_images(queued)

    def _await_images(self, queued: QueuedPod) -> bool:
        self._unpark(queued)
        queued.stage = Stage.AWAITING_IMAGES
        self._sleep_until(queued, math.inf)
        return True

    def _activate(self, queued: QueuedPod, now: float) -> None:
        queued.stage = Stage.ACTIVE
        queued.queued_at = now
        self._sleep_until(queued, math.inf)
        heapq.heappush(self._active, self._rank(queued))

    def _back_off(self, queued: QueuedPod, *, early: bool) -> None:
        queued.stage = Stage.BACKOFF
        self._sleep_until(queued, queued.backoff_until)
        if early:
            heapq.heappush(self._early, self._rank(queued))

    def _leave_unschedulable(self, queued: QueuedPod, now: float) -> None:
        if queued.held:
            queued.missed = True
            return
        self._unpark(queued)
        if queued.backoff_until <= now:
            self._activate(queued, now)
        else:
            self._back_off(queued, early=True)

    def _unpark(self, queued: QueuedPod) -> None:
        group = self._parked.get(queued.rejected_by)
        if group is not None and group.pop(queued.uid, None) is not None and not group:
            del self._parked[queued.rejected_by]

    def _outwaited(self, queued: QueuedPod, now: float, ask: list[Pod]) -> None:
        if now - queued.parked_at >= UNSCHEDULABLE_FOR_AT_MOST:
            self._leave_unschedulable(queued, now)
        else:
            ask.append(queued.pod)

    def _wake_by_own_change(self, queued: QueuedPod, old: Pod, now: float) -> None:
        for kind in _own_changes(old, queued.pod):
            if self._helps(queued, ClusterEvent(kind, old, queued.pod)):
                self._leave_unschedulable(queued, now)
                return

    def _leftover_time(self, queued: QueuedPod, now: float) -> float:
        last = queued.parked_at + UNSCHEDULABLE_FOR_AT_MOST
        return min(last, now + IMAGE_RECHECK_AFTER) if self._image_plugin in queued.rejected_by else last

    def _sleep_until(self, queued: QueuedPod, when: float) -> None:
        queued.wake_at = when
        if when < math.inf:
            heapq.heappush(self._timers, (when, next(self._order), queued.uid))

    def _rank(self, queued: QueuedPod) -> tuple[int, float, int, str]:
        return (-queued.priority, queued.queued_at, next(self._order), queued.uid)

    def _first(self, heap: list[tuple[int, float, int, str]], stage: Stage) -> QueuedPod | None:
        while heap:
            _, queued_at, _, uid = heapq.heappop(heap)
            queued = self._pods.get(uid)
            if queued is not None and queued.stage is stage and queued.queued_at == queued_at:
                return queued
        return None

    def _listens(self, plugins: frozenset[str], kind: EventKind) -> bool:
        return any(kind in self._hints.get(plugin, {}) for plugin in plugins)

    def _helps(self, queued: QueuedPod, event: ClusterEvent) -> bool:
        for plugin in queued.rejected_by:
            hint = self._hints.get(plugin, {}).get(event.kind)
            if hint is not None and hint(queued.pod, event) and self._helps_images(plugin, queued, event):
                return True
        return False

    def _helps_images(self, plugin: str, queued: QueuedPod, event: ClusterEvent) -> bool:
        if plugin != self._image_plugin or self._image_hint is None or queued.images is None:
            return True
        return self._image_hint(queued.pod, queued.images, event)


def _own_changes(old: Pod, new: Pod) -> Iterator[EventKind]:
    """Upstream's events of a pending pod about itself (``framework/events.go``: podSchedulingPropertiesChange)."""
    if old.metadata.labels != new.metadata.labels:
        yield EventKind.TARGET_POD_LABEL
    if len(old.spec.tolerations) != len(new.spec.tolerations):
        yield EventKind.TARGET_POD_TOLERATION
    if old.spec.resources != new.spec.resources or _requests(old) != _requests(new):
        yield EventKind.TARGET_POD_SCALE_DOWN


def _requests(pod: Pod) -> list[object]:
    return [container.resources.requests for container in (*pod.spec.init_containers, *pod.spec.containers)]
