"""From an image name to what the image is, over real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from scheduler.images.content import ContentKind, FailureCause, ImageContent, ImageFailure, offered_platforms
from scheduler.images.media_types import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from scheduler.images.platform import Platform
from scheduler.oci.credentials import Keyring
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.registry_images import Document, Entry, build_artifact, build_image, build_index
from tests.oci.conftest import MakeResolver, Time

LINUX = ("linux/amd64", "linux/arm64")
QUICK = RegistrySettings(request_timeout=0.7, deadline=5.0)


def platforms_of(answer: object) -> list[str]:
    assert isinstance(answer, ImageContent), answer
    return [str(platform) for platform in offered_platforms(answer)]


def failure(answer: object) -> ImageFailure:
    assert isinstance(answer, ImageFailure), answer
    return answer


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_an_index_costs_one_head_and_one_get(
    registry: SandboxRegistry, make_resolver: MakeResolver, docker: bool
) -> None:
    digest = registry.push_index("acme/app", "1", [*LINUX, "windows(10.0.20348.2700)/amd64"], docker=docker)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert platforms_of(answer) == [*LINUX, "windows(10.0.20348.2700)/amd64"]
    assert isinstance(answer, ImageContent)
    assert (answer.kind, answer.digest) == (ContentKind.INDEX, digest)
    assert dict(registry.requests) == {("HEAD", "manifest", "acme/app"): 1, ("GET", "manifest", "acme/app"): 1}


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_a_single_image_costs_its_config_besides(
    registry: SandboxRegistry, make_resolver: MakeResolver, docker: bool
) -> None:
    registry.push_image("acme/app", "1", "linux/arm/v7", docker=docker)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert platforms_of(answer) == ["linux/arm/v7"]
    assert registry.count("GET", "manifest") == 1
    assert registry.count("GET", "blob") == 1


async def test_a_reference_by_digest_needs_no_head(registry: SandboxRegistry, make_resolver: MakeResolver) -> None:
    digest = registry.push_index("acme/app", None, LINUX)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:moved@{digest}")
    assert platforms_of(answer) == list(LINUX)
    assert dict(registry.requests) == {("GET", "manifest", "acme/app"): 1}


async def test_attestations_are_no_platforms_and_are_not_opened(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", LINUX, attestations=True)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert platforms_of(answer) == list(LINUX)
    assert registry.count("GET", "manifest") == 1


async def test_a_nested_index_is_followed(registry: SandboxRegistry, make_resolver: MakeResolver) -> None:
    registry.push_index("acme/app", None, ["linux/s390x"])
    inner_image = build_image(Platform("linux", "s390x"), "acme/app:None")
    inner = build_index([Entry(inner_image.manifest, Platform("linux", "s390x"))])
    outer = build_index([Entry(inner, None)])
    registry.push_document("acme/app", "1", outer)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert platforms_of(answer) == ["linux/s390x"]


async def test_an_index_nested_too_deep_fails_in_that_entry_only(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    image = build_image(Platform("linux", "s390x"), "deep")
    document = build_index([Entry(image.manifest, Platform("linux", "s390x"))])
    amd64 = Entry(image.manifest, Platform("linux", "amd64"))
    for _ in range(5):
        registry.push_document("acme/app", "1", document)
        document = build_index([amd64, Entry(document, None)])
    registry.push_document("acme/app", "1", document)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert platforms_of(answer) == ["linux/amd64"]
    assert registry.count("GET", "manifest") == RegistrySettings().nesting


async def test_an_entry_without_platform_takes_that_of_its_config(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    image = build_image(Platform("linux", "riscv64"), "acme/app:1")
    registry.push("acme/app", None, image)
    registry.push_document("acme/app", "1", build_index([Entry(image.manifest, None)]))
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert platforms_of(answer) == ["linux/riscv64"]


async def test_a_missing_child_is_a_failure_of_its_entry_and_is_asked_for_again(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    image = build_image(Platform("linux", "riscv64"), "acme/app:1")
    amd64 = Entry(image.manifest, Platform("linux", "amd64"))
    other = build_image(Platform("linux", "arm64"), "acme/app:1")
    registry.push_document("acme/app", "1", build_index([amd64, Entry(other.manifest, None)]))
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:1"
    answer = await resolver.resolve(name)
    assert isinstance(answer, ImageContent)
    assert [entry.failure and entry.failure.cause for entry in answer.entries] == [None, FailureCause.NOT_FOUND]
    assert resolver.known(name) is answer
    registry.push("acme/app", None, other)
    time.seconds += 61
    assert platforms_of(await resolver.resolve(name)) == ["linux/amd64", "linux/arm64"]


async def test_an_artifact_is_told_apart(registry: SandboxRegistry, make_resolver: MakeResolver) -> None:
    registry.push("acme/chart", "1", build_artifact("application/vnd.cncf.helm.config.v1+json", b"chart"))
    answer = await make_resolver().resolve(f"{registry.address}/acme/chart:1")
    assert isinstance(answer, ImageContent)
    assert answer.kind is ContentKind.ARTIFACT


async def test_a_thousand_pods_of_one_image_are_one_flight(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    resolver = make_resolver()
    answers = await asyncio.gather(*[resolver.resolve(f"{registry.address}/acme/app:1") for _ in range(1000)])
    assert len({id(answer) for answer in answers}) == 1
    assert dict(registry.requests) == {("HEAD", "manifest", "acme/app"): 1, ("GET", "manifest", "acme/app"): 1}


async def test_names_and_scopes_of_one_digest_read_it_once(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    registry.push_index("acme/app", "latest", LINUX)
    index = build_index([])
    for tag in ("a", "b", "c"):
        registry.push_document("acme/same", tag, index)
    resolver = make_resolver()
    host = registry.address
    await asyncio.gather(
        *[resolver.resolve(f"{host}/acme/same:{tag}", keyring(host, user)) for tag in "abc" for user in ("u", "v")]
    )
    assert registry.count("HEAD", "manifest") == 6
    assert registry.count("GET", "manifest") == 1


async def test_one_registry_does_not_decide_how_an_image_of_another_is_understood(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    """The same bytes without a type of their own: what they are is in the Content-Type, which no digest covers."""
    other = SandboxRegistry()
    await other.start()
    try:
        body = b'{"schemaVersion":2,"manifests":[]}'
        digest = registry.push_document("acme/app", "1", Document(OCI_INDEX, body))
        assert other.push_document("acme/app", "1", Document(DOCKER_LIST, body)) == digest
        resolver = make_resolver()
        answers = [await resolver.resolve(f"{each.address}/acme/app:1") for each in (other, registry)]
        assert [each.media_type for each in answers if isinstance(each, ImageContent)] == [DOCKER_LIST, OCI_INDEX]
    finally:
        await other.stop()


async def test_a_cancelled_waiter_leaves_the_flight_to_the_others(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:1"
    first = asyncio.create_task(resolver.resolve(name))
    second = asyncio.create_task(resolver.resolve(name))
    await asyncio.sleep(0)
    first.cancel()
    assert platforms_of(await second) == list(LINUX)
    assert first.cancelled()
    assert registry.count("GET", "manifest") == 1


async def test_a_flight_whose_waiters_all_left_still_fills_the_cache(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:1"
    waiter = asyncio.create_task(resolver.resolve(name))
    await asyncio.sleep(0)
    waiter.cancel()
    assert platforms_of(await resolver.resolve(name)) == list(LINUX)
    assert registry.count("HEAD", "manifest") == 1


async def test_a_tag_is_trusted_for_a_while_then_asked_by_head(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:1"
    assert resolver.known(name) is None
    answer = await resolver.resolve(name)
    assert resolver.known(name) is answer
    time.seconds += 299
    assert await resolver.resolve(name) is answer
    assert registry.count("HEAD", "manifest") == 1
    time.seconds += 2
    assert resolver.known(name) is None
    assert await resolver.resolve(name) is answer
    assert registry.count("HEAD", "manifest") == 2
    assert registry.count("GET", "manifest") == 1


async def test_a_fresh_answer_sees_a_moved_tag(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    registry.push_index("acme/app", "1", ["linux/amd64"])
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:1"
    await resolver.resolve(name)
    registry.push_index("acme/app", "1", ["linux/arm64"])
    assert platforms_of(await resolver.resolve(name, fresh=True)) == ["linux/amd64"]  # asked a moment ago
    time.seconds += 11
    assert platforms_of(await resolver.resolve(name)) == ["linux/amd64"]
    assert platforms_of(await resolver.resolve(name, fresh=True)) == ["linux/arm64"]
    assert platforms_of(await resolver.resolve(name)) == ["linux/arm64"]


async def test_the_last_known_answer_stands_in_while_the_registry_fails(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:1"
    answer = await resolver.resolve(name)
    registry.inject(faults.status(503))
    time.seconds += 301
    assert await resolver.resolve(name) is answer
    asked = registry.count("HEAD", "manifest")
    time.seconds += 1
    assert await resolver.resolve(name) is answer
    assert registry.count("HEAD", "manifest") == asked  # not asked again at once
    time.seconds += 25 * 3600
    assert failure(await resolver.resolve(name)).cause is FailureCause.SERVER_ERROR


async def test_a_deleted_tag_is_not_served_stale(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:1"
    await resolver.resolve(name)
    registry.remove("acme/app", "1")
    time.seconds += 301
    assert failure(await resolver.resolve(name)).cause is FailureCause.NOT_FOUND


async def test_what_is_not_there_is_asked_for_again_after_a_while(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    resolver = make_resolver()
    name = f"{registry.address}/acme/app:2"
    answer = failure(await resolver.resolve(name))
    assert answer.cause is FailureCause.NOT_FOUND
    assert answer.message == f"registry {registry.address} answered 404 for acme/app:2: manifest unknown"
    assert answer.retry_after == 5
    registry.push_index("acme/app", "2", LINUX)
    assert await resolver.resolve(name) is answer
    time.seconds += 31
    assert platforms_of(await resolver.resolve(name)) == list(LINUX)


BROKEN = {
    "not JSON": (b"{", OCI_MANIFEST),
    "nothing in it": (b"{}", "application/json"),
    "an index with a config": (b'{"schemaVersion":2,"manifests":[],"config":{}}', OCI_INDEX),
    "deep": (b'{"config":' + b"[" * 100_000, OCI_MANIFEST),
    "no UTF-8": (b'{"mediaType":"\xff\xfe"}', OCI_MANIFEST),
    "a config that is a path": (
        json.dumps(
            {
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": "../../../../token",
                    "size": 2,
                },
                "layers": [],
            }
        ).encode(),
        OCI_MANIFEST,
    ),
}


@pytest.mark.parametrize(("body", "media_type"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_malformed_manifest_is_a_failure_of_its_image_only(
    registry: SandboxRegistry, make_resolver: MakeResolver, body: bytes, media_type: str
) -> None:
    registry.push_document("acme/bad", "1", Document(media_type, body))
    registry.push_index("acme/good", "1", LINUX)
    resolver = make_resolver()
    bad, good = await asyncio.gather(
        resolver.resolve(f"{registry.address}/acme/bad:1"), resolver.resolve(f"{registry.address}/acme/good:1")
    )
    assert failure(bad).cause is FailureCause.MALFORMED
    assert "acme/bad" in failure(bad).message
    assert platforms_of(good) == list(LINUX)


MISBEHAVIOUR = {
    "wrong digest": (faults.body(b'{"schemaVersion":2,"manifests":[]}', OCI_INDEX), FailureCause.DIGEST_MISMATCH),
    "50 MB announced": (faults.oversized(50_000_000), FailureCause.TOO_LARGE),
    "50 MB unannounced": (faults.oversized(50_000_000, announced=False), FailureCause.TOO_LARGE),
    "hangs": (faults.hang(), FailureCause.TIMEOUT),
    "drips": (faults.drip(0.05), FailureCause.TIMEOUT),
    "cut off": (faults.truncated(), FailureCause.NETWORK),
    "closes": (faults.reset(), FailureCause.NETWORK),
    "in circles": (faults.redirect_loop(), FailureCause.MALFORMED),
    "nowhere": (faults.redirect("http://"), FailureCause.MALFORMED),
    "another scheme": (faults.redirect("file:///etc/passwd"), FailureCause.MALFORMED),
    "500": (faults.status(500), FailureCause.SERVER_ERROR),
    "503": (faults.status(503), FailureCause.SERVER_ERROR),
    "429": (faults.status(429), FailureCause.RATE_LIMITED),
    "403": (faults.status(403), FailureCause.FORBIDDEN),
    "401": (faults.status(401), FailureCause.UNAUTHORIZED),
    "418": (faults.status(418), FailureCause.MALFORMED),
    "204": (faults.status(204), FailureCause.MALFORMED),
}


@pytest.mark.parametrize(("fault", "cause"), MISBEHAVIOUR.values(), ids=MISBEHAVIOUR.keys())
async def test_a_registry_that_misbehaves_for_one_image_answers_for_the_others(
    registry: SandboxRegistry, make_resolver: MakeResolver, fault: faults.Fault, cause: FailureCause
) -> None:
    registry.push_index("acme/bad", "1", LINUX)
    registry.push_index("acme/good", "1", LINUX)
    registry.inject(fault, repository="acme/bad")
    resolver = make_resolver(QUICK)
    bad, good = await asyncio.gather(
        resolver.resolve(f"{registry.address}/acme/bad:1"), resolver.resolve(f"{registry.address}/acme/good:1")
    )
    assert failure(bad).cause is cause
    assert failure(bad).message.startswith(f"registry {registry.address} ")
    assert "acme/bad" in failure(bad).message
    assert platforms_of(good) == list(LINUX)


async def test_a_registry_that_knows_no_head_is_asked_by_get(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    registry.inject(faults.no_head())
    assert platforms_of(await make_resolver().resolve(f"{registry.address}/acme/app:1")) == list(LINUX)
    assert registry.count("GET", "manifest") == 1


async def test_a_passing_fault_is_tried_again(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    registry.inject(faults.status(503), times=1)
    registry.inject(faults.status(429, retry_after="3"), times=1)
    assert platforms_of(await make_resolver().resolve(f"{registry.address}/acme/app:1")) == list(LINUX)
    assert time.slept == [0.25, 3.0]


async def test_a_long_retry_after_is_the_answer_and_the_registry_is_left_alone(
    registry: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    registry.push_index("acme/other", "1", LINUX)
    registry.inject(faults.status(429, retry_after="3600"), times=1)
    resolver = make_resolver()
    answer = failure(await resolver.resolve(f"{registry.address}/acme/app:1"))
    assert (answer.cause, answer.retry_after) == (FailureCause.RATE_LIMITED, 3600)
    other = failure(await resolver.resolve(f"{registry.address}/acme/other:1"))
    assert other.cause is FailureCause.RATE_LIMITED
    assert "acme/app" not in other.message
    assert "acme/other:1" in other.message
    assert sum(registry.requests.values()) == 1
    time.seconds += 3601
    assert platforms_of(await resolver.resolve(f"{registry.address}/acme/other:1")) == list(LINUX)


async def test_an_unreachable_registry_is_named(make_resolver: MakeResolver) -> None:
    answer = failure(await make_resolver().resolve("localhost:1/acme/app:1"))
    assert answer.cause is FailureCause.NETWORK
    assert "localhost:1 cannot be reached for acme/app:1" in answer.message


async def test_a_name_without_address_is_said(make_resolver: MakeResolver, names: dict[str, str]) -> None:
    answer = failure(await make_resolver().resolve("registry.test/acme/app:1"))
    assert answer.cause is FailureCause.NETWORK
    assert "registry.test cannot be found for acme/app:1" in answer.message


async def test_plain_http_where_tls_is_expected_is_a_tls_failure(
    registry: SandboxRegistry, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["registry.test"] = "127.0.0.1"
    port = registry.address.rpartition(":")[2]
    answer = failure(await make_resolver().resolve(f"registry.test:{port}/acme/app:1"))
    assert answer.cause is FailureCause.TLS


async def test_an_invalid_name_is_quoted(make_resolver: MakeResolver) -> None:
    answer = failure(await make_resolver().resolve("Acme/App"))
    assert answer.cause is FailureCause.INVALID_REFERENCE
    assert "'Acme/App'" in answer.message


async def test_one_image_has_a_deadline_over_all_its_requests(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_image("acme/app", "1", "linux/amd64")

    async def slow(_request: web.Request) -> web.StreamResponse | None:
        await asyncio.sleep(0.2)
        return None

    registry.inject(slow)
    resolver = make_resolver(RegistrySettings(deadline=0.5))  # HEAD, manifest and config take 0.6
    answer = failure(await resolver.resolve(f"{registry.address}/acme/app:1"))
    assert answer.cause is FailureCause.TIMEOUT
    assert f"registry {registry.address} " in answer.message


async def test_a_hanging_registry_is_seen_to_hang_within_any_deadline(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.inject(faults.hang())
    resolver = make_resolver(RegistrySettings(deadline=0.2, breaker_failures=1))
    first = failure(await resolver.resolve(f"{registry.address}/acme/app:1"))
    assert first.message == f"registry {registry.address} did not answer within 0.1 s for acme/app:1"
    second = failure(await resolver.resolve(f"{registry.address}/acme/app:2"))
    assert second.message == (
        f"registry {registry.address} is left alone for now and was not asked for acme/app:2: "
        "lately it did not answer within 0.1 s"
    )


async def test_a_resolver_ends_while_a_registry_hangs(registry: SandboxRegistry, make_resolver: MakeResolver) -> None:
    registry.inject(faults.hang())
    resolver = make_resolver()
    waiter = asyncio.create_task(resolver.resolve(f"{registry.address}/acme/app:1"))
    await asyncio.sleep(0.05)
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await waiter


def keyring(host: str, user: str) -> Keyring:
    config = {"auths": {host: {"username": user, "password": "not-a-secret"}}}
    return Keyring.from_pull_secrets([("kubernetes.io/dockerconfigjson", json.dumps(config).encode())])
