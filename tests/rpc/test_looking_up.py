"""Time is kept: what is not there when it is over is pending, and nothing is begun afterwards."""

from __future__ import annotations

import asyncio

from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.pod_images import EXEMPT, PodImage
from scheduler.images.runtime_classes import RuntimeClasses
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings
from scheduler.rpc.looking_up import PENDING, LookUps, within
from scheduler.rpc.objects import PodDemand
from tests.images.builders import AMD64, an_index

IMAGE = "registry.example/shop/web:1"
DEMAND = PodDemand("shop", (PodImage(IMAGE, "container main"),), ("pull",))


class Slow:
    """Pull secrets that take longer than anybody waits."""

    def __init__(self, secrets: list[tuple[str, bytes]] | None = None, seconds: float = 5.0) -> None:
        self._secrets = secrets or []
        self._seconds = seconds

    async def read(self, _namespace: str, _names: tuple[str, ...]) -> list[tuple[str, bytes]]:
        await asyncio.sleep(self._seconds)
        return self._secrets


def look_ups(secrets: Slow | None = None, **classes: str) -> tuple[LookUps, Resolver]:
    resolver = Resolver(RegistrySettings(use_proxies=False))
    return LookUps(resolver, secrets, RuntimeClasses(classes)), resolver  # type: ignore[arg-type]


async def test_nothing_is_begun_when_the_time_is_over():
    begun = []

    async def question() -> None:
        begun.append(True)

    assert await within(asyncio.get_running_loop().time() - 1, [question()]) == [None]
    assert begun == []


async def test_results_come_in_the_order_of_the_questions_and_slow_ones_are_none():
    cancelled = asyncio.Event()

    async def question(seconds: float) -> float:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return seconds

    until = asyncio.get_running_loop().time() + 0.1
    assert await within(until, [question(0.02), question(5), question(0)]) == [0.02, None, 0]
    await asyncio.wait_for(cancelled.wait(), 1)


async def test_what_is_known_is_answered_although_no_time_is_left():
    asking, resolver = look_ups()
    resolver.declare({IMAGE: an_index(AMD64)})
    assert await asking.images([IMAGE, "registry.example/lost:1"], 0) == [an_index(AMD64), PENDING]
    assert resolver.under_way == 0
    await resolver.close()


async def test_pull_secrets_that_come_too_late_leave_images_pending_and_registries_alone():
    asking, resolver = look_ups(Slow())
    ((image,),) = await asking.pods([DEMAND], 0.05)
    assert image.answer is PENDING
    assert resolver.under_way == 0
    await resolver.close()


async def test_a_pull_secret_that_cannot_be_read_is_the_answer_even_for_an_image_that_others_know():
    asking, resolver = look_ups(Slow([("kubernetes.io/dockerconfigjson", b"{")], 0))
    ((image,),) = await asking.pods([DEMAND], 1)
    assert isinstance(image.answer, ImageFailure)
    assert image.answer.cause is FailureCause.UNAUTHORIZED
    await resolver.close()


async def test_images_of_a_runtime_class_that_is_skipped_are_not_asked_for():
    asking, resolver = look_ups(Slow(), emulated="skip")
    demand = PodDemand("shop", DEMAND.images, ("pull",), runtime_class="emulated")
    ((image,),) = await asking.pods([demand], 1)
    assert image.answer is EXEMPT
    await resolver.close()
