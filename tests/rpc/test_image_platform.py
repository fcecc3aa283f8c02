"""The ImagePlatform API over real sockets, asked by the client that is shipped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from scheduler.cluster.cache import Cache
from scheduler.images.content import FailureCause
from scheduler.oci.settings import RegistrySettings
from scheduler.queue.backoff import Backoff
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.rpc import image_platform
from scheduler.rpc.client import ImagePlatformClient
from scheduler.rpc.known_cluster import KnownCluster
from scheduler.rpc.proto import image_platform_pb2 as pb
from scheduler.sandbox.registry_faults import hang
from tests.builders import a_node, a_pod
from tests.rpc.serving import Pki, Served, served, until

SHORT_LIVED = RegistrySettings(use_proxies=False, tag_lifetime=0.05, fresh_lifetime=0.01)


def platforms(image: pb.Image) -> list[str]:
    return ["/".join(filter(None, [each.os, each.architecture, each.variant])) for each in image.platforms]


def manifest(*images: str, **spec: object) -> str:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return json.dumps({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": containers, **spec}})


@pytest.fixture
async def api() -> AsyncIterator[tuple[Served, ImagePlatformClient]]:
    """A server without a cluster, and a client of it."""
    async with served() as server, ImagePlatformClient(server.address) as client:
        yield server, client


async def code_of(call: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call  # type: ignore[misc]
    return raised.value.code(), str(raised.value.details())


# Resolve


async def test_images_are_resolved_in_the_order_asked_over_tls(pki: Pki):
    async with (
        served(tls=pki.settings()) as server,
        ImagePlatformClient(server.address, authority=pki.authority) as client,
    ):
        digest = server.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm/v7"))
        server.registry.push_image("shop/ledger", "1", "linux/s390x")
        names = [server.image("shop/ledger:1"), server.image("shop/lost:1"), server.image("shop/web:1")]
        ledger, lost, web = await client.resolve(names)
        assert [image.name for image in (ledger, lost, web)] == names
        assert (web.digest, web.kind, platforms(web)) == (digest, pb.IMAGE_KIND_INDEX, ["linux/amd64", "linux/arm/v7"])
        assert (ledger.kind, platforms(ledger)) == (pb.IMAGE_KIND_SINGLE, ["linux/s390x"])
        assert (lost.failure.cause, lost.digest) == ("not-found", "")
        assert "404" in lost.failure.message


async def test_an_image_asked_for_twice_is_answered_twice_and_looked_up_once(api):
    server, client = api
    server.registry.push_image("shop/web", "1", "linux/arm64")
    first, second = await client.resolve([server.image("shop/web:1")] * 2)
    assert first == second
    assert server.registry.count("HEAD", "manifest") == 1


async def test_a_slow_registry_leaves_its_images_pending_within_the_caller_s_deadline(api):
    server, client = api
    server.registry.push_image("shop/web", "1", "linux/arm64")
    server.registry.inject(hang(), repository="shop/slow")
    started = time.monotonic()
    web, slow = await client.resolve([server.image("shop/web:1"), server.image("shop/slow:1")], seconds=2.5)
    assert time.monotonic() - started < 2.5
    assert platforms(web) == ["linux/arm64"]
    assert slow.failure.cause == "pending"


@pytest.mark.parametrize(
    ("images", "complaint"), [([], "none is named"), (["a"] * 1001, "1001 are given, 1000 may be")]
)
async def test_questions_about_no_or_too_many_images_are_refused(api, images: list[str], complaint: str):
    code, details = await code_of(api[1].resolve(images))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert complaint in details


# Explain


async def test_a_manifest_is_explained_per_platform(api):
    server, client = api
    server.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm64"))
    server.registry.push_image("shop/helper", "1", "linux/amd64")
    names = ["linux/amd64", "linux/arm64", "windows(10.0.20348)/amd64"]
    images = [server.image("shop/web:1"), server.image("shop/helper:1")]
    answer = await client.explain_manifest(manifest(*images), platforms=names)
    assert [(each.image.name, each.source) for each in answer.images] == [
        (images[0], "container c0"),
        (images[1], "container c1"),
    ]
    amd64, arm64, windows = answer.verdicts
    assert [verdict.platform for verdict in answer.verdicts] == names
    assert (amd64.outcome, amd64.cause, amd64.reason, amd64.image) == (pb.OUTCOME_MATCH, "", "", "")
    assert (arm64.outcome, arm64.cause, arm64.image) == (pb.OUTCOME_NO_MATCH, "config-platform", images[1])
    assert arm64.reason == f"can't run image {images[1]} (built for linux/amd64)"
    assert windows.outcome is pb.OUTCOME_NO_MATCH


async def test_the_operating_system_of_a_manifest_counts(api):
    server, client = api
    server.registry.push_image("shop/web", "1", "linux/amd64")
    text = manifest(server.image("shop/web:1"), os={"name": "windows"})
    (verdict,) = (await client.explain_manifest(text, platforms=["linux/amd64"])).verdicts
    assert (verdict.outcome, verdict.cause) == (pb.OUTCOME_NO_MATCH, "pod-os")


async def test_an_image_that_cannot_be_read_leaves_the_verdict_unknown(api):
    server, client = api
    answer = await client.explain_manifest(manifest(server.image("shop/lost:1")), platforms=["linux/amd64"])
    assert answer.images[0].image.failure.cause == "not-found"
    assert (answer.verdicts[0].outcome, answer.verdicts[0].cause) == (pb.OUTCOME_UNKNOWN, "not-found")


async def test_images_that_a_runtime_class_takes_care_of_are_exempt():
    async with (
        served(images={"runtime_classes": {"emulated": "skip", "wasm": "wasi/wasm"}}) as server,
        ImagePlatformClient(server.address) as client,
    ):
        server.registry.push_image("shop/web", "1", "linux/amd64")
        image = server.image("shop/web:1")
        text = manifest(image, runtimeClassName="emulated")
        skipped = await client.explain_manifest(text, platforms=["linux/s390x"])
        assert skipped.images[0].exempt
        assert skipped.verdicts[0].outcome is pb.OUTCOME_MATCH
        misfit = await client.explain_manifest(manifest(image, runtimeClassName="wasm"), platforms=["linux/amd64"])
        assert platforms(misfit.images[0].image) == ["linux/amd64"]
        assert misfit.verdicts[0].cause == "runtime-class"


class Vault:
    """Pull secrets that nobody may see; counts who tries."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    async def read(self, namespace: str, names: tuple[str, ...]) -> list[tuple[str, bytes]]:
        self.asked.append((namespace, names))
        return []


async def test_pull_secrets_are_read_for_pods_of_the_cluster_and_never_for_manifests():
    vault, (cache, queue) = Vault(), a_cluster()
    async with (
        served(secrets=vault, cluster=KnownCluster(cache, queue)) as server,
        ImagePlatformClient(server.address) as client,
    ):
        await client.explain_manifest(manifest(server.image("a:1"), imagePullSecrets=[{"name": "theirs"}]))
        assert vault.asked == []
        queue.update(a_pod("web", image=server.image("a:1"), spec={"imagePullSecrets": [{"name": "own"}]}), 0.0)
        await client.explain("default", "web")
        assert vault.asked == [("default", ("own",))]


def a_cluster() -> tuple[Cache, SchedulingQueue]:
    return Cache(), SchedulingQueue({}, Backoff(1, 10), image_plugin="ImagePlatform")


async def test_a_pod_of_the_cluster_is_explained_per_node():
    cache, queue = a_cluster()
    async with (
        served(cluster=KnownCluster(cache, queue)) as server,
        ImagePlatformClient(server.address) as client,
    ):
        server.registry.push_image("shop/web", "1", "linux/arm64")
        image = server.image("shop/web:1")
        for name, architecture in (("arm-2", "arm64"), ("arm-1", "arm64"), ("amd-1", "amd64")):
            cache.add_node(a_node(name, architecture=architecture))
        cache.add_node(a_node("amd-2", images={image: 1_000}))
        queue.update(a_pod("waiting", image=image), 0.0)
        cache.add_pod(a_pod("placed", image=image, on="arm-1"))
        answers = [await client.explain("default", name) for name in ("waiting", "placed")]
        assert answers[0] == answers[1]
        assert [(each.platform, each.outcome, list(each.nodes)) for each in answers[0].verdicts] == [
            ("linux/amd64", pb.OUTCOME_NO_MATCH, ["amd-1"]),
            ("linux/amd64", pb.OUTCOME_MATCH, ["amd-2"]),
            ("linux/arm64", pb.OUTCOME_MATCH, ["arm-1", "arm-2"]),
        ]


async def test_a_node_that_holds_an_image_must_ask_for_it_all_the_same_when_the_policy_is_always():
    cache, queue = a_cluster()
    async with (
        served(cluster=KnownCluster(cache, queue)) as server,
        ImagePlatformClient(server.address) as client,
    ):
        server.registry.push_image("shop/web", "1", "linux/arm64")
        image = server.image("shop/web:1")
        cache.add_node(a_node("amd-2", images={image: 1_000}))
        containers = [{"name": "main", "image": image, "imagePullPolicy": "Always"}]
        queue.update(a_pod("web", containers=containers), 0.0)
        (verdict,) = (await client.explain("default", "web")).verdicts
        assert verdict.outcome is pb.OUTCOME_NO_MATCH


async def test_a_pod_that_is_not_known_is_not_found():
    async with (
        served(cluster=KnownCluster(*a_cluster())) as server,
        ImagePlatformClient(server.address) as client,
    ):
        assert await code_of(client.explain("shop", "web")) == (
            grpc.StatusCode.NOT_FOUND,
            "pod shop/web neither has a node nor waits for this scheduler",
        )


async def test_a_server_without_a_cluster_says_what_it_needs_instead(api):
    _, client = api
    for call, needed in (
        (client.explain("shop", "web", platforms=["linux/amd64"]), "manifest"),
        (client.explain_manifest(manifest("a:1")), "platforms"),
    ):
        code, details = await code_of(call)
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert needed in details


@pytest.mark.parametrize(
    ("text", "platform", "complaint"),
    [
        ("{", "linux/amd64", "manifest: is no Pod in JSON"),
        ('{"metadata": {"name": 3}}', "linux/amd64", "manifest: is no Pod in JSON: Expected `str`"),
        (manifest("a:1"), "arm64", "platforms: platform 'arm64' is not of the form"),
        ("", "linux/amd64", "manifest: is no Pod in JSON"),
        ('{"nested": ' + "[" * 100_000, "linux/amd64", "manifest: is no Pod in JSON: maximum recursion depth"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_named(api, text: str, platform: str, complaint: str):
    code, details = await code_of(api[1].explain_manifest(text, platforms=[platform]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert complaint in details


async def test_a_question_about_no_pod_is_refused(api):
    request = pb.ExplainRequest(platforms=["linux/amd64"])
    code, details = await code_of(api[1]._stub.Explain(request))
    assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "pod: neither a name nor a manifest is given")


# Watch


async def test_a_watched_image_is_told_at_first_and_when_its_tag_moves(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_platform, "PAUSE_SECONDS", 0.02)
    async with (
        served(registries=SHORT_LIVED) as server,
        ImagePlatformClient(server.address) as client,
    ):
        server.registry.push_image("shop/web", "1", "linux/amd64")
        changes = client.watch([server.image("shop/web:1")])
        assert platforms(await anext(changes)) == ["linux/amd64"]
        server.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm64"))
        assert platforms(await anext(changes)) == ["linux/amd64", "linux/arm64"]
        await changes.aclose()


async def test_a_watched_image_whose_registry_is_slow_is_pending_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_platform, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(image_platform, "ROUND_SECONDS", 0.1)
    async with served() as server, ImagePlatformClient(server.address) as client:
        server.registry.push_image("shop/web", "1", "linux/amd64")

        async def slow(_request: object) -> None:
            await asyncio.sleep(0.3)

        server.registry.inject(slow, times=1)
        changes = client.watch([server.image("shop/web:1")])
        assert (await anext(changes)).failure.cause == "pending"
        assert platforms(await anext(changes)) == ["linux/amd64"]
        await changes.aclose()


async def test_a_watch_of_everything_tells_what_others_made_the_server_learn():
    async with (
        served(registries=SHORT_LIVED) as server,
        ImagePlatformClient(server.address) as client,
    ):
        server.registry.push_image("shop/web", "1", "linux/amd64")
        image = server.image("shop/web:1")
        changes = client.watch()
        first = asyncio.create_task(anext(changes))
        await until(lambda: watches(server) == 1)
        await client.resolve([image])
        assert (await first).name == image
        await asyncio.sleep(0.1)
        await client.resolve([image])  # asked again, and nothing new in it
        server.registry.push_image("shop/web", "2", "linux/arm64")
        await client.resolve([server.image("shop/web:2")])
        assert (await anext(changes)).name == server.image("shop/web:2")
        await changes.aclose()
        await until(lambda: watches(server) == 0)


async def consume(stream: AsyncIterator[object], taken: set[int]) -> None:
    async for _ in stream:
        taken.add(len(taken))


def watches(server: Served) -> int:
    """How many listen to all that is learnt."""
    (listener,) = server.resolver.on_learnt
    return len(listener.__self__)  # type: ignore[attr-defined]


async def test_who_does_not_take_changes_fast_enough_is_told_and_costs_no_memory():
    async with served(watch_queue=10) as server, ImagePlatformClient(server.address) as client:
        call = client._stub.Watch(pb.WatchRequest())
        await until(lambda: watches(server) == 1)
        (listener,) = server.resolver.on_learnt
        changes = listener.__self__  # type: ignore[attr-defined]
        (subscription,) = changes._subscriptions
        answer = await server.resolver.resolve(server.image("lost:1"))
        for number in range(20_000):  # far more than what the transport takes by itself
            subscription.offer(f"{number}/{'x' * 1_000}", answer)
            if number % 100 == 0:
                await asyncio.sleep(0)
        assert len(subscription._waiting) <= 10
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await consume(call, taken := set())
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert 0 < len(taken) < 20_000
        await until(lambda: watches(server) == 0)


async def test_streams_take_half_of_the_calls_at_most():
    async with served(max_calls=4) as server, ImagePlatformClient(server.address) as client:
        server.registry.push_image("shop/web", "1", "linux/amd64")
        streams = [client.watch() for _ in range(2)]
        waiting = [asyncio.create_task(anext(stream)) for stream in streams]
        await until(lambda: watches(server) == 2)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await anext(client.watch())
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert platforms((await client.resolve([server.image("shop/web:1")]))[0]) == ["linux/amd64"]
        await asyncio.gather(*waiting)
        for stream in streams:
            await stream.aclose()


async def test_a_server_that_stops_ends_streams_with_a_status():
    async with contextlib.AsyncExitStack() as running:
        server = await running.enter_async_context(served())
        async with ImagePlatformClient(server.address) as client:
            waiting = asyncio.create_task(anext(client.watch()))
            await until(lambda: watches(server) == 1)
            await running.aclose()
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await waiting
            assert ended.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_the_proto_file_lists_every_cause():
    text = (Path(image_platform.__file__).parent / "proto" / "image_platform.proto").read_text()
    missing = [cause.value for cause in FailureCause if f'"{cause.value}"' not in text]
    assert not missing
