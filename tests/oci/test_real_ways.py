"""The reference registry behind TLS, a password, a token service and a mirror; images pushed by regctl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.images.content import FailureCause, ImageContent, ImageFailure, offered_platforms
from scheduler.images.platform import Platform
from scheduler.oci.credentials import Keyring
from scheduler.oci.settings import RegistrySettings
from tests.cluster.images import MULTI_ARCH, Publisher
from tests.cluster.registry import PASSWORD, USER, Certificate, Registry
from tests.cluster.token_server import IDENTITY_TOKEN, PUBLIC, TokenServer
from tests.kube.pki import Authority
from tests.oci.conftest import MakeResolver

pytestmark = pytest.mark.real

NAME = "registry.test"  # no loopback name, so that TLS is expected
ALL = tuple(Platform(each.os, each.architecture, each.variant, each.os_version) for each in MULTI_ARCH)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ways")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Certificate:
    authority = Authority()
    made = Certificate(folder / "server.crt", folder / "server.key", folder / "authority.pem")
    for file, content in zip(
        (made.certificate, made.key, made.authority), (*authority.issue(NAME), authority.pem), strict=True
    ):
        file.write_bytes(content)
    return made


@pytest.fixture(scope="module")
def secured(folder: Path, certificate: Certificate) -> Iterator[Registry]:
    """TLS and a password."""
    with Registry(folder, name="secured", private=True, tls=certificate) as registry:
        publisher(folder, registry).push_index("acme/app:1", *MULTI_ARCH, attestations=True)
        yield registry


@pytest.fixture(scope="module")
def tokens(folder: Path) -> Iterator[TokenServer]:
    with TokenServer(folder) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(folder: Path, tokens: TokenServer) -> Iterator[Registry]:
    """A token service."""
    with Registry(folder, name="guarded", tokens=tokens) as registry:
        publish = publisher(folder, registry)
        publish.push_index(f"{PUBLIC}app:1", *MULTI_ARCH)
        publish.push_image(f"{PUBLIC}single:1", "linux/arm64")
        publish.push_index("acme/app:1", *MULTI_ARCH)
        yield registry


@pytest.fixture
def upstream(folder: Path) -> Iterator[Registry]:
    """What a mirror is in front of."""
    with Registry(folder, name="upstream") as registry:
        publisher(folder, registry).push_index("acme/app:1", *MULTI_ARCH)
        yield registry


@pytest.fixture
def mirror(folder: Path, upstream: Registry) -> Iterator[Registry]:
    with Registry(folder, name="mirror", upstream=f"http://{upstream.address}") as registry:
        yield registry


def publisher(folder: Path, registry: Registry) -> Publisher:
    images = folder / f"images-for-{registry.name}"
    images.mkdir(exist_ok=True)
    return Publisher(registry, images)


def keyring(registry: str, password: str = PASSWORD) -> Keyring:
    config = {"auths": {registry: {"username": USER, "password": password}}}
    return Keyring.from_pull_secrets([("kubernetes.io/dockerconfigjson", json.dumps(config).encode())])


def named(registry: Registry) -> str:
    """The registry by its name in certificates."""
    return f"{NAME}:{registry.address.rpartition(':')[2]}"


def cause(answer: object) -> FailureCause:
    assert isinstance(answer, ImageFailure), answer
    return answer.cause


def platforms(answer: object) -> tuple[Platform, ...]:
    assert isinstance(answer, ImageContent), answer
    return offered_platforms(answer)


async def test_a_registry_with_tls_is_read_by_whoever_trusts_its_authority(
    secured: Registry, certificate: Certificate, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names[NAME] = "127.0.0.1"
    image = f"{named(secured)}/acme/app:1"
    trusting = make_resolver(RegistrySettings(ca_files=(certificate.authority,)))
    assert platforms(await trusting.resolve(image, keyring(named(secured)))) == ALL
    stranger = await make_resolver().resolve(image, keyring(named(secured)))
    assert cause(stranger) is FailureCause.TLS


@pytest.mark.parametrize("password", ["wrong", None])
async def test_a_registry_with_a_password_refuses_a_wrong_one_and_none(
    secured: Registry,
    certificate: Certificate,
    make_resolver: MakeResolver,
    names: dict[str, str],
    password: str | None,
) -> None:
    names[NAME] = "127.0.0.1"
    resolver = make_resolver(RegistrySettings(ca_files=(certificate.authority,)))
    credentials = Keyring() if password is None else keyring(named(secured), password)
    answer = await resolver.resolve(f"{named(secured)}/acme/app:1", credentials)
    assert cause(answer) is FailureCause.UNAUTHORIZED


async def test_a_certificate_directory_of_containerd_is_enough(
    secured: Registry, certificate: Certificate, make_resolver: MakeResolver, names: dict[str, str], tmp_path: Path
) -> None:
    names[NAME] = "127.0.0.1"
    directory = tmp_path / named(secured)
    directory.mkdir()
    (directory / "ca.crt").write_bytes(certificate.authority.read_bytes())
    resolver = make_resolver(RegistrySettings(hosts_directory=tmp_path))
    assert platforms(await resolver.resolve(f"{named(secured)}/acme/app:1", keyring(named(secured)))) == ALL


async def test_a_token_service_lets_anybody_read_what_is_public(
    guarded: Registry, tokens: TokenServer, make_resolver: MakeResolver
) -> None:
    before = len(tokens.requests)
    resolver = make_resolver()
    assert platforms(await resolver.resolve(f"{guarded.address}/{PUBLIC}app:1")) == ALL
    assert platforms(await resolver.resolve(f"{guarded.address}/{PUBLIC}single:1")) == (Platform("linux", "arm64"),)
    assert tokens.requests[before:] == ["GET", "GET"]  # one token a repository, for HEAD, manifest and config


async def test_a_token_service_gives_who_has_a_password_what_is_private(
    guarded: Registry, tokens: TokenServer, make_resolver: MakeResolver
) -> None:
    before = len(tokens.requests)
    image = f"{guarded.address}/acme/app:1"
    assert platforms(await make_resolver().resolve(image, keyring(guarded.address))) == ALL
    assert tokens.requests[before:] == ["GET"]


async def test_an_identity_token_of_a_docker_login_will_do(
    guarded: Registry, tokens: TokenServer, make_resolver: MakeResolver, tmp_path: Path
) -> None:
    before = len(tokens.requests)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {guarded.address: {"identitytoken": IDENTITY_TOKEN}}}))
    resolver = make_resolver(RegistrySettings(docker_configs=(config,)))
    assert platforms(await resolver.resolve(f"{guarded.address}/acme/app:1")) == ALL
    assert tokens.requests[before:] == ["POST"]


@pytest.mark.parametrize("password", ["wrong", None])
async def test_a_token_service_refuses_a_wrong_password_and_none(
    guarded: Registry, make_resolver: MakeResolver, password: str | None
) -> None:
    credentials = Keyring() if password is None else keyring(guarded.address, password)
    answer = await make_resolver().resolve(f"{guarded.address}/acme/app:1", credentials)
    assert cause(answer) in (FailureCause.UNAUTHORIZED, FailureCause.FORBIDDEN)
    assert PASSWORD not in str(answer)


def behind(kind: str, folder: Path, mirror: Registry, upstream: Registry) -> RegistrySettings:
    """NAME is the upstream, with a mirror before it, as nodes with containerd or CRI-O would know it."""
    if kind == "containerd":
        (folder / NAME).mkdir()
        hosts = f'server = "http://{NAME}:{upstream.address.rpartition(":")[2]}"\n[host."http://{mirror.address}"]\n'
        (folder / NAME / "hosts.toml").write_text(hosts)
        return RegistrySettings(hosts_directory=folder)
    conf = (
        f'[[registry]]\nprefix = "{NAME}"\nlocation = "{named(upstream)}"\ninsecure = true\n'
        f'[[registry.mirror]]\nlocation = "{mirror.address}"\n'
    )
    (folder / "registries.conf").write_text(conf)
    return RegistrySettings(registries_conf=folder / "registries.conf")


@pytest.mark.parametrize("kind", ["containerd", "cri-o"])
async def test_a_mirror_stands_in_for_a_registry_and_the_registry_for_a_mirror(
    kind: str,
    tmp_path: Path,
    mirror: Registry,
    upstream: Registry,
    make_resolver: MakeResolver,
    names: dict[str, str],
) -> None:
    settings = behind(kind, tmp_path, mirror, upstream)
    image = f"{NAME}/acme/app:1"
    assert platforms(await make_resolver(settings).resolve(image)) == ALL  # only the mirror can be found
    mirror.stop()
    assert cause(await make_resolver(settings).resolve(image)) is FailureCause.NETWORK
    names[NAME] = "127.0.0.1"
    assert platforms(await make_resolver(settings).resolve(image)) == ALL  # only the registry answers
