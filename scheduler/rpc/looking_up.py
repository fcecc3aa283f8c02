"""What the images of pods are built for, as far as that can be learnt in a given time.

Owns the time: whoever asks gets an answer for every image when it is over, and ``pending`` is the answer for those
that no registry has told of by then. A registry that is slower is not asked again meanwhile; what it says later is
there for the next call. Caching, credentials and one flight per image are the resolver's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from typing import Any, TypeVar

from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure
from scheduler.images.pod_images import EXEMPT, ResolvedImage
from scheduler.images.runtime_classes import RuntimeClasses
from scheduler.kube.errors import ApiError
from scheduler.kube.secrets import PullSecrets
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.resolver import Resolver
from scheduler.rpc.objects import PodDemand

T = TypeVar("T")

PENDING = ImageFailure(FailureCause.PENDING, "no registry has told its platforms yet")


class LookUps:
    """``secrets``: None where pull secrets are not read."""

    def __init__(self, resolver: Resolver, secrets: PullSecrets | None, runtime_classes: RuntimeClasses) -> None:
        self._resolver = resolver
        self._secrets = secrets
        self._runtime_classes = runtime_classes

    async def images(self, images: Sequence[str], seconds: float) -> list[ImageAnswer]:
        """Of images by themselves, in order, with the credentials of this process."""
        return await self._answers(images, NO_CREDENTIALS, _until(seconds))

    async def pods(self, demands: Collection[PodDemand], seconds: float) -> list[tuple[ResolvedImage, ...]]:
        """Of each pod, in order, with its pull secrets. What its RuntimeClass exempts, or refuses, is settled."""
        until = _until(seconds)
        return await asyncio.gather(*(self._pod(demand, until) for demand in demands))

    async def _pod(self, demand: PodDemand, until: float) -> tuple[ResolvedImage, ...]:
        if self._runtime_classes.skips(demand.runtime_class):
            return tuple(ResolvedImage(image, EXEMPT) for image in demand.images)
        (keyring,) = await within(until, [self._keyring(demand)])
        answers: list[ImageAnswer]
        if isinstance(keyring, Keyring):
            answers = await self._answers([image.image for image in demand.images], keyring, until)
        else:
            answers = [keyring or PENDING] * len(demand.images)
        return self._runtime_classes.judge(tuple(map(ResolvedImage, demand.images, answers)), demand.runtime_class)

    async def _answers(self, images: Sequence[str], keyring: Keyring, until: float) -> list[ImageAnswer]:
        found = {image: self._known(image, keyring) for image in images}
        missing = [image for image, answer in found.items() if answer is None]
        answers = await within(until, [self._resolver.resolve(image, keyring) for image in missing])
        found.update(zip(missing, answers, strict=True))
        return [found[image] or PENDING for image in images]

    def _known(self, image: str, keyring: Keyring) -> ImageAnswer | None:
        """Without asking anybody."""
        if keyring.failure is not None:
            return None
        return self._resolver.known(image, self._resolver.scope(image, keyring))

    async def _keyring(self, demand: PodDemand) -> Keyring | ImageFailure:
        if self._secrets is None or not demand.pull_secrets:
            return NO_CREDENTIALS
        try:
            return Keyring.from_pull_secrets(await self._secrets.read(demand.namespace, demand.pull_secrets))
        except ApiError as error:
            return ImageFailure(FailureCause.NETWORK, f"its pull secrets could not be read: {error}")


async def within(until: float, questions: Sequence[Coroutine[Any, Any, T]]) -> list[T | None]:
    """The results, in order, with None for those that are not there at the loop's time ``until``.

    After that time none is begun.
    """
    loop = asyncio.get_running_loop()
    if not questions or loop.time() >= until:
        for question in questions:
            question.close()
        return [None] * len(questions)
    tasks = [loop.create_task(question) for question in questions]
    try:
        await asyncio.wait(tasks, timeout=until - loop.time())
        return [task.result() if task.done() else None for task in tasks]
    finally:
        for task in tasks:
            task.cancel()


def _until(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
