"""The sandbox registry speaks the protocol as a stock client expects it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from scheduler.images.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.registry_access import Access

ANY = {"Accept": "*/*"}


@pytest.fixture
async def registry() -> AsyncIterator[SandboxRegistry]:
    registry = SandboxRegistry()
    await registry.start()
    yield registry
    await registry.stop()


@pytest.fixture
async def client(registry: SandboxRegistry) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://{registry.address}") as session:
        yield session


async def read(client: aiohttp.ClientSession, path: str) -> tuple[bytes, Any]:
    """(the body, its JSON), its digest and length checked against the headers."""
    async with client.get(path, headers=ANY) as answer:
        body = await answer.read()
        assert answer.status == 200, body
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        assert answer.headers["Docker-Content-Digest"] == digest
        assert int(answer.headers["Content-Length"]) == len(body)
        return body, json.loads(body) if body.startswith(b"{") else None


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_an_index_can_be_walked_down_to_its_files(
    registry: SandboxRegistry, client: aiohttp.ClientSession, docker: bool
) -> None:
    windows = "windows(10.0.20348.2700)/amd64"
    digest = registry.push_index("acme/app", "1", ["linux/arm/v7", windows], docker=docker)
    body, index = await read(client, "/v2/acme/app/manifests/1")
    assert (await read(client, f"/v2/acme/app/manifests/{digest}"))[0] == body
    assert index["mediaType"] == (DOCKER_LIST if docker else OCI_INDEX)
    assert [entry["platform"] for entry in index["manifests"]] == [
        {"architecture": "arm", "os": "linux", "variant": "v7"},
        {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2700"},
    ]
    for entry in index["manifests"]:
        body, manifest = await read(client, f"/v2/acme/app/manifests/{entry['digest']}")
        assert (len(body), manifest["mediaType"]) == (entry["size"], DOCKER_MANIFEST if docker else OCI_MANIFEST)
        _, config = await read(client, f"/v2/acme/app/blobs/{manifest['config']['digest']}")
        assert entry["platform"].items() <= config.items()
        (layer,) = manifest["layers"]
        packed, _ = await read(client, f"/v2/acme/app/blobs/{layer['digest']}")
        archive = gzip.decompress(packed)
        assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(archive).hexdigest()]
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            assert tar.getnames() == ["hello"]


async def test_head_answers_as_get_without_the_body(registry: SandboxRegistry, client: aiohttp.ClientSession) -> None:
    registry.push_index("acme/app", "1", ["linux/amd64"], attestations=True)
    async with (
        client.get("/v2/acme/app/manifests/1", headers=ANY) as got,
        client.head("/v2/acme/app/manifests/1", headers=ANY) as head,
    ):
        for header in ("Content-Type", "Content-Length", "Docker-Content-Digest"):
            assert head.headers[header] == got.headers[header]
        assert await head.read() == b""


async def test_equal_pushes_give_equal_digests_and_other_names_others() -> None:
    one, other = SandboxRegistry(), SandboxRegistry()
    assert one.push_index("a", "1", ["linux/amd64"]) == other.push_index("a", "1", ["linux/amd64"])
    assert one.push_index("a", "1", ["linux/amd64"]) != one.push_index("a", "2", ["linux/amd64"])


async def test_an_index_is_served_to_those_who_accept_it(
    registry: SandboxRegistry, client: aiohttp.ClientSession
) -> None:
    registry.push_index("acme/app", "1", ["linux/amd64"])
    async with client.get("/v2/acme/app/manifests/1", headers={"Accept": f"{OCI_MANIFEST}, {DOCKER_LIST}"}) as answer:
        assert answer.status == 404
        assert (await answer.json())["errors"][0]["code"] == "MANIFEST_UNKNOWN"
    async with client.get("/v2/acme/app/manifests/1", headers={"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}) as answer:
        assert answer.status == 200


async def test_tags_catalog_and_what_is_missing(registry: SandboxRegistry, client: aiohttp.ClientSession) -> None:
    registry.push_image("acme/app", "1", "linux/amd64")
    for path, status in {
        "/v2/": 200,
        "/v2/_catalog": 200,
        "/v2/acme/app/tags/list": 200,
        "/v2/acme/none/tags/list": 404,
        "/v2/acme/app/manifests/2": 404,
        f"/v2/acme/app/blobs/sha256:{'0' * 64}": 404,
        "/token": 404,
        "/elsewhere": 404,
    }.items():
        async with client.get(path) as answer:
            assert answer.status == status, path
    async with client.get("/v2/acme/app/tags/list") as answer:
        assert await answer.json() == {"name": "acme/app", "tags": ["1"]}
    registry.remove("acme/app", "1")
    async with client.get("/v2/acme/app/manifests/1") as answer:
        assert answer.status == 404


async def test_requests_are_counted_by_method_kind_and_repository(
    registry: SandboxRegistry, client: aiohttp.ClientSession
) -> None:
    registry.push_image("acme/app", "1", "linux/amd64")
    for _ in range(2):
        async with client.head("/v2/acme/app/manifests/1"):
            pass
    assert registry.count("HEAD", "manifest") == registry.count("HEAD", "manifest", "acme/app") == 2
    assert registry.count("HEAD", "manifest", "acme/other") == registry.count("GET", "manifest") == 0


async def test_a_fault_meets_the_requests_it_names_and_heals(
    registry: SandboxRegistry, client: aiohttp.ClientSession
) -> None:
    registry.push_image("acme/app", "1", "linux/amd64")
    registry.push_image("acme/other", "1", "linux/amd64")
    registry.inject(faults.status(503), repository="acme/app", kind="manifest", times=2)

    async def status(repository: str) -> int:
        async with client.get(f"/v2/{repository}/manifests/1") as answer:
            return answer.status

    assert [await status("acme/app"), await status("acme/other")] == [503, 200]
    assert [await status("acme/app"), await status("acme/app")] == [503, 200]
    registry.inject(faults.status(500))
    assert await status("acme/other") == 500
    registry.heal()
    assert await status("acme/other") == 200


async def test_a_registry_stops_while_a_request_hangs() -> None:
    registry = SandboxRegistry()
    await registry.start()
    registry.inject(faults.drip(0.01))
    async with aiohttp.ClientSession(f"http://{registry.address}") as client, client.get("/v2/") as answer:
        assert answer.status == 200
        await registry.stop()
        await registry.stop()


@pytest.fixture
async def guarded() -> AsyncIterator[SandboxRegistry]:
    registry = SandboxRegistry(Access(users={"alice": "sesame"}, private=frozenset({"acme/private"})))
    await registry.start()
    registry.push_image("acme/private", "1", "linux/amd64")
    registry.push_image("acme/public", "1", "linux/amd64")
    yield registry
    await registry.stop()


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("user", "repository", "status"),
    [
        (None, "acme/public", 200),
        (None, "acme/private", 401),
        ("alice", "acme/private", 200),
        ("alice", "acme/public", 200),
    ],
)
async def test_a_token_opens_what_its_user_may_pull(
    guarded: SandboxRegistry, user: str | None, repository: str, status: int
) -> None:
    headers = {} if user is None else basic(user, "sesame")
    async with aiohttp.ClientSession(f"http://{guarded.address}") as client:
        async with client.get(f"/v2/{repository}/manifests/1") as answer:
            assert answer.status == 401
            challenge = answer.headers["WWW-Authenticate"]
        assert challenge == (
            f'Bearer realm="http://{guarded.address}/token",service="sandbox-registry",'
            f'scope="repository:{repository}:pull"'
        )
        query = {"service": "sandbox-registry", "scope": f"repository:{repository}:pull"}
        async with client.get("/token", params=query, headers=headers) as answer:
            token = (await answer.json())["token"]
        async with client.get(f"/v2/{repository}/manifests/1", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == status
            if status == 401:
                assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


async def test_a_wrong_password_gets_no_token(guarded: SandboxRegistry) -> None:
    async with aiohttp.ClientSession(f"http://{guarded.address}") as client:
        async with client.get("/token", headers=basic("alice", "wrong")) as answer:
            assert answer.status == 401
        form = {"grant_type": "password", "username": "alice", "password": "wrong"}
        async with client.post("/token", data=form) as answer:
            assert answer.status == 401
