"""Learns what the images of pending pods were built for, before anybody asks, and again as long as that is not known.

Owns the look-ups under way: one per set of images (and pull secrets), however many pods share it. A request never
starts talking to a registry and waits for it: it reads what is known (``of``), may wait a moment for a look-up under
way (``settled``), and goes on. The resolver (``scheduler.oci``) owns registries and the cache of answers, the policy of
repeating is ``scheduler.images.policy``'s.

A pod that our watch has not shown yet (or never will: an autoscaler makes pods up) is looked up as well, without pull
secrets: a caller must not make us use credentials that it merely names.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import structlog

from extender.loops.pod_writes import PodName
from extender.metrics import Metrics
from scheduler.api.pod import Pod
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure
from scheduler.images.pod_images import PodImage, ResolvedImage, pod_images
from scheduler.images.policy import retry_delay
from scheduler.images.unknown_policy import is_unknown
from scheduler.kube.errors import ApiError
from scheduler.kube.secrets import PullSecrets
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.resolver import Resolver

log = structlog.get_logger()

Key = tuple[str, tuple[str, ...], tuple[PodImage, ...]]
"""Namespace and names of the pull secrets (empty where there are none), and the images."""

MAX_STRANGERS = 256
"""Look-ups for pods that no watch has shown. The one not asked for longest makes room."""

MAX_EARLY = 10_000
"""Refusals of pods that the watch has not shown yet."""

_PENDING = ImageFailure(FailureCause.PENDING, "its platforms are still being looked up")
_JITTER = 0.2


class Refused(NamedTuple):
    """A pod that was told no, and the timer that wakes it when its policy will say otherwise."""

    pod: PodName
    timer: asyncio.TimerHandle | None


class LookUp:
    """What is known of one set of images. ``images`` changes as answers come in."""

    def __init__(self, key: Key, now: float) -> None:
        self.key = key
        self.began = now
        self.images = tuple(ResolvedImage(image, _PENDING) for image in key[2])
        self.task: asyncio.Task[None] | None = None
        self.pods: dict[str, float] = {}
        """UIDs of the pending pods that have these images, and since when each is known."""
        self.refused: dict[str, Refused] = {}
        """Of them, those that were told no because of these images: to be woken when that changes."""

    @property
    def unknown(self) -> ImageFailure | None:
        """What is wrong with the first image that is not known; None when all are."""
        for each in self.images:
            if isinstance(each.answer, ImageFailure) and is_unknown(each.answer):
                return each.answer
        return None

    @property
    def known(self) -> tuple[ResolvedImage, ...] | None:
        """The answers, if there is one for each image."""
        return self.images if self.unknown is None else None

    @property
    def is_under_way(self) -> bool:
        """Whether an answer is about to come, as opposed to one that failed and is asked for again later."""
        return any(each.answer is _PENDING for each in self.images)

    def waited(self, pod: Pod, now: float) -> float:
        """For how many seconds the pod has been waiting for its images."""
        return now - self.pods.get(pod.metadata.uid, self.began)


class LookUps:
    """``wake`` is called with each refused pod whose images became known. ``refresh`` seconds after they did, they are
    looked up again while pods wait: a tag may have been pushed anew.
    """

    def __init__(
        self,
        resolver: Resolver,
        secrets: PullSecrets | None,
        wake: Callable[[PodName], None],
        metrics: Metrics,
        *,
        refresh: float,
    ) -> None:
        self._resolver = resolver
        self._secrets = secrets
        self._wake_pod = wake
        self._metrics = metrics
        self._refresh = refresh
        self._of_pod: dict[str, LookUp] = {}
        self._look_ups: dict[Key, LookUp] = {}
        self._strangers: OrderedDict[Key, LookUp] = OrderedDict()
        self._early: OrderedDict[str, PodName] = OrderedDict()
        self._news: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """How many sets of images are followed."""
        return len(self._look_ups) + len(self._strangers)

    def pods(self) -> set[str]:
        """UIDs of the pods that are waited for."""
        return set(self._of_pod)

    # News of pods

    def seen(self, pod: Pod) -> LookUp:
        """A pending pod, as the watch shows it."""
        uid = pod.metadata.uid
        key = self._key(pod)
        known = self._of_pod.get(uid)
        if known is not None:
            if known.key == key:
                return known
            self.gone(uid)
        look_up = self._look_ups.get(key)
        if look_up is None:
            look_up = self._look_ups[key] = self._begun(key)
        look_up.pods[uid] = asyncio.get_running_loop().time()
        self._of_pod[uid] = look_up
        early = self._early.pop(uid, None)
        if early is not None:  # its refusal was about another look-up, so it is tried again with this one
            self._wake_pod(early)
        self._tell()
        return look_up

    def gone(self, uid: str) -> None:
        """The pod needs no node any more."""
        self._early.pop(uid, None)
        look_up = self._of_pod.pop(uid, None)
        if look_up is None:
            return
        look_up.pods.pop(uid, None)
        _cancel(look_up.refused.pop(uid, None))
        if not look_up.pods:
            del self._look_ups[look_up.key]
            _end(look_up)

    def refuse(self, pod: Pod, look_up: LookUp, wake_in: float | None = None) -> None:
        """A pod was told no for what is known of its images: it is woken when that changes, or after ``wake_in``.

        One that our watch has not shown yet is woken when it does.
        """
        meta = pod.metadata
        if meta.uid not in look_up.pods:
            if look_up.unknown is not None:
                self._early[meta.uid] = PodName(meta.namespace, meta.name, meta.uid)
                while len(self._early) > MAX_EARLY:
                    self._early.popitem(last=False)
            return
        _cancel(look_up.refused.pop(meta.uid, None))
        timer = None
        if wake_in is not None:
            timer = asyncio.get_running_loop().call_later(max(wake_in, 0.0), self._wake_one, look_up, meta.uid)
        look_up.refused[meta.uid] = Refused(PodName(meta.namespace, meta.name, meta.uid), timer)

    def wake(self, uid: str) -> None:
        """A pod that was refused may not be any more."""
        look_up = self._of_pod.get(uid)
        if look_up is not None:
            self._wake_one(look_up, uid)

    def wake_namespace(self, namespace: str) -> None:
        """What the namespace says of unknown images has changed."""
        for look_up in list(self._look_ups.values()):
            for uid in [uid for uid, refused in look_up.refused.items() if refused.pod.namespace == namespace]:
                self._wake_one(look_up, uid)

    # Questions

    def of(self, pod: Pod) -> LookUp:
        """What is known now of the images of a pod that somebody asks about."""
        look_up = self._of_pod.get(pod.metadata.uid)
        if look_up is not None:
            return look_up
        look_up = self._look_ups.get(self._key(pod))
        return look_up or self._stranger(("", (), pod_images(pod)))

    async def settled(self, pod: Pod, deadline: float) -> LookUp:
        """The same, once it is known or has failed; as it is at the deadline (the event loop's time)."""
        loop = asyncio.get_running_loop()
        while (look_up := self.of(pod)).is_under_way and loop.time() < deadline:
            if self._news is None:
                self._news = loop.create_future()
            await asyncio.wait([self._news], timeout=deadline - loop.time())
        return look_up

    async def stop(self) -> None:
        tasks = [each.task for each in (*self._look_ups.values(), *self._strangers.values()) if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Private

    def _key(self, pod: Pod) -> Key:
        if self._secrets is None:
            return "", (), pod_images(pod)
        names = tuple(reference.name for reference in pod.spec.image_pull_secrets if reference.name)
        return pod.metadata.namespace if names else "", names, pod_images(pod)

    def _stranger(self, key: Key) -> LookUp:
        look_up = self._look_ups.get(key) or self._strangers.get(key)
        if look_up is None:
            look_up = self._strangers[key] = self._begun(key)
            if len(self._strangers) > MAX_STRANGERS:
                _end(self._strangers.popitem(last=False)[1])
        elif key in self._strangers:
            self._strangers.move_to_end(key)
        return look_up

    def _begun(self, key: Key) -> LookUp:
        """A new look-up: answered at once if all of it is in the cache, and followed by a task in any case."""
        look_up = LookUp(key, asyncio.get_running_loop().time())
        if not key[1]:
            known = [(image, self._known(image)) for image in key[2]]
            if all(answer is not None for _, answer in known):
                look_up.images = tuple(ResolvedImage(image, answer) for image, answer in known if answer is not None)
        look_up.task = asyncio.create_task(self._follow(look_up), name="images")
        return look_up

    def _known(self, image: PodImage) -> ImageAnswer | None:
        return None if image.pull_policy == "Always" else self._resolver.known(image.image)

    async def _follow(self, look_up: LookUp) -> None:
        failures = 0
        while True:
            if failures or look_up.unknown is not None:
                self._learn(look_up, await self._ask(look_up.key))
            unknown = [each.answer for each in look_up.images if isinstance(each.answer, ImageFailure)]
            failures = 0 if look_up.unknown is None else failures + 1
            delay = (
                max((retry_delay(answer, failures) for answer in unknown), default=0.0) if failures else self._refresh
            )
            await asyncio.sleep(delay * (1.0 + _JITTER * random.random()))
            if not failures:
                self._learn(look_up, await self._ask(look_up.key))

    def _learn(self, look_up: LookUp, images: tuple[ResolvedImage, ...]) -> None:
        changed = [old.answer for old in look_up.images] != [new.answer for new in images]
        look_up.images = images
        for each in images:
            self._metrics.resolved(each.answer.cause if isinstance(each.answer, ImageFailure) else "known")
        if changed and look_up.unknown is None:
            for uid in list(look_up.refused):
                self._wake_one(look_up, uid)
        self._tell()

    def _wake_one(self, look_up: LookUp, uid: str) -> None:
        refused = look_up.refused.pop(uid, None)
        if refused is not None:
            _cancel(refused)
            self._wake_pod(refused.pod)

    async def _ask(self, key: Key) -> tuple[ResolvedImage, ...]:
        try:
            return await self._resolved(*key)
        except ApiError as error:
            failure = ImageFailure(FailureCause.NETWORK, f"its pull secrets could not be read: {error}")
        except Exception:  # whatever one set of images provokes must cost only those, and be tried again
            log.exception("look-up failed", images=[image.image for image in key[2]])
            failure = ImageFailure(FailureCause.MALFORMED, "internal error, see the extender's log")
        return tuple(ResolvedImage(image, failure) for image in key[2])

    async def _resolved(
        self, namespace: str, names: tuple[str, ...], images: tuple[PodImage, ...]
    ) -> tuple[ResolvedImage, ...]:
        keyring = await self._keyring(namespace, names)
        # The kubelet asks the registry at each start of a container whose policy is Always, so an old answer is no use.
        answers = await asyncio.gather(
            *(self._resolver.resolve(image.image, keyring, fresh=image.pull_policy == "Always") for image in images)
        )
        return tuple(map(ResolvedImage, images, answers))

    async def _keyring(self, namespace: str, names: tuple[str, ...]) -> Keyring:
        if self._secrets is None or not names:
            return NO_CREDENTIALS
        return Keyring.from_pull_secrets(await self._secrets.read(namespace, list(names)))

    def _tell(self) -> None:
        """Whoever waits looks again."""
        if self._news is not None:
            self._news.set_result(None)
            self._news = None


def _cancel(refused: Refused | None) -> None:
    if refused is not None and refused.timer is not None:
        refused.timer.cancel()


def _end(look_up: LookUp) -> None:
    if look_up.task is not None:
        look_up.task.cancel()
