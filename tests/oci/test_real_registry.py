"""The reference registry, filled by regctl, read by our resolver; and our sandbox registry, read by regctl."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from scheduler.images.content import FailureCause, ImageContent, ImageFailure, offered_platforms
from scheduler.images.platform import Platform
from scheduler.oci.credentials import Keyring
from scheduler.oci.resolver import Resolver
from scheduler.sandbox.registry import SandboxRegistry
from tests.cluster.binaries import binary
from tests.cluster.images import DOCKER, MULTI_ARCH, OCI, ImagePlatform, MediaTypes, Publisher
from tests.cluster.registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.real

EVERY_FORMAT = pytest.mark.parametrize("types", [OCI, DOCKER], ids=["oci", "docker"])


@pytest.fixture(scope="module", params=[False, True], ids=["open", "private"])
def publisher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    folder = tmp_path_factory.mktemp("registry")
    with Registry(folder, private=request.param) as registry:
        images = folder / "images"
        images.mkdir()
        yield Publisher(registry, images)


@pytest.fixture
async def resolver() -> AsyncIterator[Resolver]:
    resolver = Resolver()
    yield resolver
    await resolver.close()


def keyring(publisher: Publisher) -> Keyring:
    config = {"auths": {publisher.registry.address: {"username": USER, "password": PASSWORD}}}
    return Keyring.from_pull_secrets([("kubernetes.io/dockerconfigjson", json.dumps(config).encode())])


def _name(types: MediaTypes) -> str:
    return "docker" if types is DOCKER else "oci"


def platform(pushed: ImagePlatform) -> Platform:
    return Platform(pushed.os, pushed.architecture, pushed.variant, pushed.os_version)


@EVERY_FORMAT
async def test_an_index_is_read_as_regctl_pushed_it(
    publisher: Publisher, resolver: Resolver, types: MediaTypes
) -> None:
    pushed = publisher.push_index(f"oci/{_name(types)}-index:1", *MULTI_ARCH, types=types, attestations=True)
    answer = await resolver.resolve(pushed.name, keyring(publisher))
    assert isinstance(answer, ImageContent), answer
    assert answer.digest == pushed.digest
    assert offered_platforms(answer) == tuple(map(platform, pushed.manifests))


@EVERY_FORMAT
async def test_a_single_image_is_read_from_its_config(
    publisher: Publisher, resolver: Resolver, types: MediaTypes
) -> None:
    pushed = publisher.push_image(f"oci/{_name(types)}-image:1", "linux/arm/v7", types=types)
    by_tag = await resolver.resolve(pushed.name, keyring(publisher))
    by_digest = await resolver.resolve(f"{pushed.name}@{pushed.digest}", keyring(publisher))
    assert isinstance(by_tag, ImageContent), by_tag
    assert by_tag is by_digest
    assert offered_platforms(by_tag) == (Platform("linux", "arm", "v7"),)


async def test_what_is_missing_or_refused_is_said_in_the_registrys_words(
    publisher: Publisher, resolver: Resolver
) -> None:
    publisher.push_image("oci/there:1", "linux/amd64")
    address = publisher.registry.address
    missing = await resolver.resolve(f"{address}/oci/there:2", keyring(publisher))
    assert isinstance(missing, ImageFailure)
    assert missing.message == f"registry {address} answered 404 for oci/there:2: manifest unknown"
    anonymous = await resolver.resolve(f"{address}/oci/there:1")
    if publisher.registry.asks_for_user:
        assert isinstance(anonymous, ImageFailure)
        assert anonymous.cause is FailureCause.UNAUTHORIZED
    else:
        assert isinstance(anonymous, ImageContent)


@EVERY_FORMAT
async def test_regctl_reads_the_sandbox_registry(tmp_path: Path, types: MediaTypes) -> None:
    registry = SandboxRegistry()
    await registry.start()
    try:
        platforms = ["linux/amd64", "linux/arm/v7", "windows(10.0.20348.2700)/amd64"]
        digest = registry.push_index("acme/app", "1", platforms, docker=types is DOCKER)
        listed = await regctl(
            tmp_path,
            registry,
            *("manifest", "get", f"{registry.address}/acme/app:1", "--format"),
            "{{range .Manifests}}{{.Platform.OS}}/{{.Platform.Architecture}} {{end}}",
        )
        assert listed.split() == ["linux/amd64", "linux/arm", "windows/amd64"]
        assert (await regctl(tmp_path, registry, "image", "digest", f"{registry.address}/acme/app:1")).strip() == digest
        # copies every manifest, config and layer, and checks each digest
        layout = tmp_path / "layout"
        await regctl(tmp_path, registry, "image", "copy", f"{registry.address}/acme/app:1", f"ocidir://{layout}")
        assert (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).exists()
    finally:
        await registry.stop()


async def regctl(folder: Path, registry: SandboxRegistry, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        binary("regctl"),
        *("--host", f"reg={registry.address},tls=disabled"),
        *arguments,
        env={"HOME": str(folder), "REGCTL_CONFIG": str(folder / "regctl.json"), "DOCKER_CONFIG": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        output, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    return output.decode()
