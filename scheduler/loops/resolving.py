"""Learns for each pending pod what its images were built for, and tells the queue.

Owns the pods under way: one task per pod at most, started when the queue owes or asks. The resolver (``oci``) owns
registries, caching and one flight per image; secrets are read by ``kube``; how long a failure is believed is said by
``images.policy``. A pod whose images are all in the cache is answered at once, without a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from scheduler.api.pod import Pod
from scheduler.cluster.images import ImageStates
from scheduler.config.images import ImageSettings
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure
from scheduler.images.pod_images import EXEMPT, PodImage, ResolvedImage, name_on_nodes, pod_images
from scheduler.images.policy import retry_delay
from scheduler.images.runtime_classes import RuntimeClasses
from scheduler.images.unknown_policy import (
    UnknownAction,
    UnknownPolicy,
    is_unknown,
    parse_unknown_policy,
    policy_for,
    settle,
)
from scheduler.kube.errors import ApiError
from scheduler.kube.secrets import PullSecrets
from scheduler.loops.clock import WakeUp, now
from scheduler.loops.reporting import Reporting
from scheduler.loops.watching import NamespaceWatch
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.resolver import Resolver
from scheduler.queue.queued_pod import QueuedPod, Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

_WAITING = frozenset({Stage.AWAITING_IMAGES, Stage.UNSCHEDULABLE})


class Resolving:
    """Starts and tracks the resolutions. ``secrets`` is None where reading pull secrets is switched off.

    ``held``: which images nodes hold. ``namespaces``: their annotations. ``of_profiles``: scheduler name -> policy, of
    the profiles that have their own; None where a profile does not look at images, so that nobody needs to ask.
    """

    def __init__(
        self,
        settings: ImageSettings,
        resolver: Resolver,
        secrets: PullSecrets | None,
        namespaces: NamespaceWatch,
        held: ImageStates,
        queue: SchedulingQueue,
        work: WakeUp,
        reporting: Reporting,
        metrics: Metrics,
        of_profiles: Mapping[str, UnknownPolicy | None] | None = None,
    ) -> None:
        self._default = parse_unknown_policy(settings.unknown.policy)
        self._of_profiles = of_profiles or {}
        self._after_deadline = parse_unknown_policy(settings.unknown.after_deadline)
        self._deadline = settings.unknown.deadline_seconds
        self._runtime_classes = RuntimeClasses(settings.runtime_classes)
        self._resolver = resolver
        self._namespaces = namespaces
        self._held = held
        self._secrets = secrets
        self._queue = queue
        self._work = work
        self._reporting = reporting
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()

    def request(self, pod: Pod) -> None:
        """Sees to it that the queue is told about the pod's images. Never blocks."""
        images = pod_images(pod)
        if self._profile_default(pod) is None or self._runtime_classes.skips(pod.spec.runtime_class_name):
            self._tell(pod, tuple(ResolvedImage(image, EXEMPT) for image in images))
            return
        if self._secrets is None or not pod.spec.image_pull_secrets:
            known = [answer for image in images if (answer := self._known(image)) is not None]
            if len(known) == len(images):
                self._tell(pod, tuple(map(ResolvedImage, images, known)))
                return
        task = asyncio.create_task(self._resolve(pod, images), name=f"images of {pod.key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def declared(self, images: frozenset[str]) -> None:
        """What is declared of these images, by their full names, has changed: whom does that concern?"""
        waiting = [queued.pod for queued in self._queue if queued.stage in _WAITING]
        for pod in waiting:
            if any(name_on_nodes(image.image) in images for image in pod_images(pod)):
                self.request(pod)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _known(self, image: PodImage) -> ImageAnswer | None:
        return None if image.pull_policy == "Always" else self._resolver.known(image.image)

    async def _resolve(self, pod: Pod, images: tuple[PodImage, ...]) -> None:
        started = now()
        try:
            answers = await self._ask(pod, images)
        except ApiError as error:
            failure = ImageFailure(FailureCause.NETWORK, f"its pull secrets could not be read: {error}")
            answers = [failure] * len(images)
        except Exception as error:  # a fault of ours must not leave the pod waiting for an answer that never comes
            log.exception("resolution failed", pod=pod.key)
            failure = ImageFailure(FailureCause.NETWORK, f"asking failed: {type(error).__name__}: {error}")
            answers = [failure] * len(images)
        self._metrics.resolution_seconds.observe(now() - started)
        self._tell(pod, tuple(map(ResolvedImage, images, answers)))

    async def _ask(self, pod: Pod, images: tuple[PodImage, ...]) -> list[ImageAnswer]:
        keyring = await self._keyring(pod)
        # The kubelet asks the registry at each start of a container whose policy is Always, so an old answer is no use.
        questions = [
            self._resolver.resolve(image.image, keyring, fresh=image.pull_policy == "Always") for image in images
        ]
        return await asyncio.gather(*questions)

    async def _keyring(self, pod: Pod) -> Keyring:
        if self._secrets is None or not pod.spec.image_pull_secrets:
            return NO_CREDENTIALS
        names = [reference.name for reference in pod.spec.image_pull_secrets if reference.name]
        return Keyring.from_pull_secrets(await self._secrets.read(pod.metadata.namespace, names))

    def _tell(self, pod: Pod, images: tuple[ResolvedImage, ...]) -> None:
        for resolved in images:
            self._metrics.resolved(resolved.answer.cause if isinstance(resolved.answer, ImageFailure) else "known")
        queued = self._queue.get(pod.metadata.uid)
        if queued is None:
            return
        waited = now() - queued.added_at
        settled = images if self._is_held(images) else settle(images, self._policy(queued.pod, waited))
        if settled is not None:
            settled = self._runtime_classes.judge(settled, pod.spec.runtime_class_name)
        if settled is None:
            self._ask_again(queued, images, self._deadline - waited)
        elif self._queue.images_known(queued.uid, settled, now()):
            self._work.set()

    def _profile_default(self, pod: Pod) -> UnknownPolicy | None:
        return self._of_profiles.get(pod.spec.scheduler_name, self._default)

    def _policy(self, pod: Pod, waited: float) -> UnknownPolicy:
        namespace = self._namespaces.annotations(pod.metadata.namespace)
        default = self._profile_default(pod) or self._default
        policy, problem = policy_for(pod.metadata.annotations, namespace, default)
        if problem is not None:
            log.warning("policy passed over", pod=pod.key, why=problem)
        return self._after_deadline if policy.action is UnknownAction.WAIT and waited >= self._deadline else policy

    def _is_held(self, images: tuple[ResolvedImage, ...]) -> bool:
        """Whether some node holds each image that no registry tells of, so that the pod may have a place already."""
        unknown = [resolved.image for resolved in images if is_unknown(resolved.answer)]
        return bool(unknown) and all(
            image.pull_policy != "Always" and self._held.get(name_on_nodes(image.image)) is not None
            for image in unknown
        )

    def _ask_again(self, queued: QueuedPod, images: tuple[ResolvedImage, ...], longest: float) -> None:
        # The image that will be known last decides when asking again makes sense.
        delay, image, failure = max(
            (
                (retry_delay(resolved.answer, queued.image_failures + 1), resolved.image, resolved.answer)
                for resolved in images
                if isinstance(resolved.answer, ImageFailure)
            ),
            key=lambda candidate: candidate[0],
        )
        delay = max(min(delay, longest), 0.0)
        self._queue.images_unknown(queued.uid, delay, now())
        self._work.set()  # the loop sleeps until the queue's next wake, which has just changed
        self._reporting.waits_for_image(queued.pod, image, failure, delay)
