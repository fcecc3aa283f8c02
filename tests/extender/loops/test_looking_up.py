"""Images are looked up when their pod appears, once for all that share them, and again while they are not known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from extender.loops.looking_up import MAX_STRANGERS, LookUps
from extender.loops.pod_writes import PodName
from extender.metrics import Metrics
from scheduler.api.pod import LocalObjectReference, Pod
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure
from scheduler.kube.errors import Unreachable
from scheduler.oci.credentials import Keyring
from tests.extender.builders import UNREACHABLE, a_pod, an_index

ARM, AMD = an_index("linux/arm64"), an_index("linux/amd64")
SOON = 5.0


class ScriptedResolver:
    """Answers by image, when the test lets it; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.answers: dict[str, ImageAnswer] = {}
        self.in_cache: dict[str, ImageAnswer] = {}
        self.go = asyncio.Event()
        self.go.set()

    def known(self, image: str, scope: str = "") -> ImageAnswer | None:
        return self.in_cache.get(image)

    async def resolve(self, image: str, credentials: Keyring, *, fresh: bool = False) -> ImageAnswer:
        self.asked.append((image, fresh))
        await self.go.wait()
        answer = self.answers.get(image, ARM)
        if isinstance(answer, Exception):
            raise answer
        return answer


class ScriptedSecrets:
    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.error: Exception | None = None

    async def read(self, namespace: str, names: list[str]) -> list[tuple[str, bytes]]:
        self.asked.append((namespace, names))
        if self.error is not None:
            raise self.error
        return []


class World:
    def __init__(self) -> None:
        self.resolver = ScriptedResolver()
        self.secrets = ScriptedSecrets()
        self.woken: list[PodName] = []
        self.look_ups = LookUps(
            self.resolver,  # type: ignore[arg-type]  # scripted
            self.secrets,  # type: ignore[arg-type]  # scripted
            self.woken.append,
            Metrics(),
            refresh=0.05,
        )

    async def settled(self, pod: Any, seconds: float = SOON) -> Any:
        return await self.look_ups.settled(pod, asyncio.get_running_loop().time() + seconds)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.look_ups.stop()


def with_secrets(name: str, *secrets: str) -> Pod:
    pod = a_pod(name)
    pod.spec.image_pull_secrets = [LocalObjectReference(name=secret) for secret in secrets]
    return pod


async def test_the_look_up_begins_with_the_pod_and_an_answer_waits_for_the_question(world: World) -> None:
    world.look_ups.seen(a_pod())
    await asyncio.sleep(0.01)
    look_up = world.look_ups.of(a_pod())
    assert [image for image, _ in world.resolver.asked] == ["registry.example/acme/web:1"]
    assert not look_up.is_under_way
    assert look_up.images[0].answer is ARM


async def test_pods_that_share_their_images_share_the_look_up(world: World) -> None:
    for number in range(50):
        world.look_ups.seen(a_pod(f"web-{number}"))
    await world.settled(a_pod("web-7"))
    assert len(world.resolver.asked) == 1
    assert len(world.look_ups) == 1
    for number in range(50):
        world.look_ups.gone(f"uid-web-{number}")
    assert len(world.look_ups) == 0


async def test_what_is_in_the_cache_is_known_at_once(world: World) -> None:
    world.resolver.in_cache["registry.example/acme/web:1"] = AMD
    world.look_ups.seen(a_pod())
    assert world.look_ups.of(a_pod()).images[0].answer is AMD


async def test_an_image_that_is_always_pulled_is_always_asked_for(world: World) -> None:
    pod = a_pod(image="registry.example/acme/web:latest")
    world.resolver.in_cache["registry.example/acme/web:latest"] = AMD
    world.look_ups.seen(pod)
    assert world.look_ups.of(pod).is_under_way
    await world.settled(pod)
    assert world.resolver.asked == [("registry.example/acme/web:latest", True)]


async def test_waiting_ends_with_the_answer_or_at_the_deadline(world: World) -> None:
    world.resolver.go.clear()
    world.look_ups.seen(a_pod())
    assert (await world.settled(a_pod(), 0.02)).is_under_way
    waiting = [asyncio.create_task(world.settled(a_pod())) for _ in range(3)]
    await asyncio.sleep(0.01)
    world.resolver.go.set()
    for look_up in await asyncio.gather(*waiting):
        assert look_up.images[0].answer is ARM


async def test_a_refused_pod_is_woken_when_its_images_become_known(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("extender.loops.looking_up.retry_delay", lambda failure, attempts: 0.01)
    world.resolver.answers["registry.example/acme/web:1"] = UNREACHABLE
    world.look_ups.seen(a_pod())
    look_up = await world.settled(a_pod())
    assert look_up.unknown == UNREACHABLE
    world.look_ups.refuse(a_pod(), look_up)
    world.resolver.answers.clear()
    await _until(lambda: world.woken == [PodName("shop", "web-0", "uid-web-0")])


async def test_a_pod_refused_before_the_watch_has_shown_it_is_woken_when_it_does(world: World) -> None:
    """kube-scheduler was told of it first, and would not hear of its images any more."""
    pod = a_pod()
    world.look_ups.refuse(pod, world.look_ups.of(pod))
    assert world.woken == []
    world.look_ups.seen(pod)
    assert world.woken == [PodName("shop", "web-0", "uid-web-0")]
    world.look_ups.gone("uid-web-0")
    world.look_ups.seen(pod)
    assert len(world.woken) == 1


async def test_a_refused_pod_is_woken_when_its_tag_names_another_image(world: World) -> None:
    world.look_ups.seen(a_pod())
    look_up = await world.settled(a_pod())
    world.look_ups.refuse(a_pod(), look_up)
    await asyncio.sleep(0.2)
    assert world.woken == []
    world.resolver.answers["registry.example/acme/web:1"] = AMD
    await _until(lambda: len(world.woken) == 1)


async def test_a_refused_pod_is_woken_when_its_policy_changes_by_itself(world: World) -> None:
    world.look_ups.seen(a_pod())
    look_up = await world.settled(a_pod())
    world.look_ups.refuse(a_pod(), look_up, wake_in=30.0)
    world.look_ups.refuse(a_pod(), look_up, wake_in=0.01)
    await _until(lambda: len(world.woken) == 1)
    assert not look_up.refused


async def test_the_pods_of_a_namespace_are_woken_when_it_says_something_else(world: World) -> None:
    other = a_pod("other", namespace="bank")
    for pod in (a_pod(), other):
        world.look_ups.seen(pod)
        world.look_ups.refuse(pod, await world.settled(pod))
    world.look_ups.wake_namespace("bank")
    assert world.woken == [PodName("bank", "other", "uid-other")]


async def test_a_pod_that_is_gone_is_not_woken(world: World) -> None:
    world.look_ups.seen(a_pod())
    world.look_ups.seen(a_pod("web-1"))
    look_up = await world.settled(a_pod())
    world.look_ups.refuse(a_pod(), look_up, wake_in=0.01)
    world.look_ups.gone("uid-web-0")
    world.look_ups.refuse(a_pod(), look_up, wake_in=0.01)
    await asyncio.sleep(0.05)
    assert world.woken == []


async def test_pull_secrets_are_read_for_pods_of_the_cluster_alone(world: World) -> None:
    """A caller names whatever it likes; only what the API server shows may use secrets."""
    await world.settled(with_secrets("made-up", "regcred"))
    assert world.secrets.asked == []
    world.look_ups.seen(with_secrets("real", "regcred"))
    await world.settled(with_secrets("real", "regcred"))
    assert world.secrets.asked == [("shop", ["regcred"])]


async def test_secrets_that_cannot_be_read_leave_the_image_unknown(world: World) -> None:
    world.secrets.error = Unreachable("cut", sent=True)
    world.look_ups.seen(with_secrets("real", "regcred"))
    failure = (await world.settled(with_secrets("real", "regcred"))).unknown
    assert isinstance(failure, ImageFailure)
    assert failure.cause is FailureCause.NETWORK
    assert "pull secrets" in failure.message


async def test_a_fault_in_a_look_up_is_an_unknown_image(world: World) -> None:
    world.resolver.answers["registry.example/acme/web:1"] = RuntimeError("on purpose")  # type: ignore[assignment]
    world.look_ups.seen(a_pod())
    failure = (await world.settled(a_pod())).unknown
    assert isinstance(failure, ImageFailure)
    assert "internal error" in failure.message


async def test_a_pod_that_changes_its_image_has_the_new_one_looked_up(world: World) -> None:
    world.look_ups.seen(a_pod())
    changed = a_pod(image="registry.example/acme/web:2")
    world.look_ups.seen(changed)
    world.look_ups.seen(changed)
    await world.settled(changed)
    assert {image for image, _ in world.resolver.asked} <= {
        "registry.example/acme/web:1",
        "registry.example/acme/web:2",
    }
    assert world.look_ups.of(changed).key[2][0].image == "registry.example/acme/web:2"
    assert len(world.look_ups) == 1


async def test_pods_that_nobody_has_shown_are_bounded(world: World) -> None:
    for number in range(MAX_STRANGERS + 40):
        world.look_ups.of(a_pod(f"made-up-{number}", image=f"registry.example/made/up:{number}"))
    assert len(world.look_ups) == MAX_STRANGERS
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "images"]
    await asyncio.sleep(0.05)
    assert sum(not task.done() for task in tasks) == MAX_STRANGERS


async def _until(condition: Any) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not within 5 s")
