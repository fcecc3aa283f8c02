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

from extender.metrics import Metrics
from extender.verbs.pod_verdicts import is_unknown
from scheduler.api.pod import Pod
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure
from scheduler.images.pod_images import PodImage, ResolvedImage, pod_images
from scheduler.images.policy import retry_delay
from scheduler.kube.errors import ApiError
from scheduler.kube.secrets import PullSecrets
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.resolver import Resolver

Key = tuple[str, tuple[str, ...], tuple[PodImage, ...]]
"""Namespace and names of the pull secrets (empty where there are none), and the images."""

MAX_STRANGERS = 256
"""Look-ups for pods that no watch has shown. The one not asked for longest makes room."""

_PENDING = ImageFailure(FailureCause.PENDING, "its platforms are still being looked up")
_JITTER = 0.2


class PodName(NamedTuple):
    """Which pod is meant, for good."""

    namespace: str
    name: str
    uid: str


class LookUp:
    """What is known of one set of images. ``images`` changes as answers come in."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.images = tuple(ResolvedImage(image, _PENDING) for image in key[2])
        self.task: asyncio.Task[None] | None = None
        self.pods: set[str] = set()
        """UIDs of the pending pods that have these images."""
        self.refused: dict[str, PodName] = {}
        """Of them, those that were refused for what was known: to be woken when that changes."""

    def refuse(self, pod: Pod) -> None:
        """The pod was refused for what is known now."""
        meta = pod.metadata
        if meta.uid in self.pods:
            self.refused[meta.uid] = PodName(meta.namespace, meta.name, meta.uid)

    @property
    def is_known(self) -> bool:
        return not any(is_unknown(each.answer) for each in self.images)

    @property
    def is_under_way(self) -> bool:
        """Whether an answer is about to come, as opposed to one that failed and is asked for again later."""
        return any(
            isinstance(each.answer, ImageFailure) and each.answer.cause is FailureCause.PENDING for each in self.images
        )


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
        self._wake = wake
        self._metrics = metrics
        self._refresh = refresh
        self._of_pod: dict[str, LookUp] = {}
        self._look_ups: dict[Key, LookUp] = {}
        self._strangers: OrderedDict[Key, LookUp] = OrderedDict()
        self._news: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """How many sets of images are followed."""
        return len(self._look_ups) + len(self._strangers)

    def pods(self) -> set[str]:
        """UIDs of the pods that are waited for."""
        return set(self._of_pod)

    # News of pods

    def seen(self, pod: Pod) -> None:
        """A pending pod, as the watch shows it."""
        uid = pod.metadata.uid
        key = self._key(pod)
        known = self._of_pod.get(uid)
        if known is not None:
            if known.key == key:
                return
            self.gone(uid)
        look_up = self._look_ups.get(key)
        if look_up is None:
            look_up = self._look_ups[key] = self._begun(key)
        look_up.pods.add(uid)
        self._of_pod[uid] = look_up
        self._tell()

    def gone(self, uid: str) -> None:
        """The pod needs no node any more."""
        look_up = self._of_pod.pop(uid, None)
        if look_up is None:
            return
        look_up.pods.discard(uid)
        look_up.refused.pop(uid, None)
        if not look_up.pods:
            del self._look_ups[look_up.key]
            _end(look_up)

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
        look_up = LookUp(key)
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
            if failures or not look_up.is_known:
                self._learn(look_up, await self._ask(look_up.key))
            unknown = [each.answer for each in look_up.images if isinstance(each.answer, ImageFailure)]
            failures = 0 if look_up.is_known else failures + 1
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
        if changed and look_up.is_known:
            refused, look_up.refused = look_up.refused, {}
            for pod in refused.values():
                self._wake(pod)
        self._tell()

    async def _ask(self, key: Key) -> tuple[ResolvedImage, ...]:
        namespace, names, images = key
        try:
            keyring = await self._keyring(namespace, names)
        except ApiError as error:
            failure = ImageFailure(FailureCause.NETWORK, f"its pull secrets could not be read: {error}")
            return tuple(ResolvedImage(image, failure) for image in images)
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


def _end(look_up: LookUp) -> None:
    if look_up.task is not None:
        look_up.task.cancel()
