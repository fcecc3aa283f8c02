"""The guard against being sent into places that only this process can reach."""

from __future__ import annotations

import pytest
from aiohttp import web

from scheduler.images.content import FailureCause, ImageContent, ImageFailure
from scheduler.oci.addresses import AddressKind, check_registry, kind_of_address, kind_of_host, kinds_for_target
from scheduler.oci.errors import Blocked
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from tests.oci.conftest import MakeResolver

KINDS = {
    "8.8.8.8": AddressKind.PUBLIC,
    "2001:4860:4860::8888": AddressKind.PUBLIC,
    "10.1.2.3": AddressKind.PRIVATE,
    "172.16.0.1": AddressKind.PRIVATE,
    "192.168.1.1": AddressKind.PRIVATE,
    "100.100.100.200": AddressKind.PRIVATE,
    "fd00:ec2::254": AddressKind.PRIVATE,
    "127.0.0.1": AddressKind.LOOPBACK,
    "127.8.8.8": AddressKind.LOOPBACK,
    "0.0.0.1": AddressKind.PRIVATE,
    "::1": AddressKind.LOOPBACK,
    "::": AddressKind.LOOPBACK,
    "::ffff:127.0.0.1": AddressKind.LOOPBACK,
    "::ffff:8.8.8.8": AddressKind.PUBLIC,
    "64:ff9b::7f00:1": AddressKind.LOOPBACK,
    "64:ff9b::808:808": AddressKind.PUBLIC,
    "169.254.169.254": AddressKind.LINK_LOCAL,
    "::ffff:169.254.169.254": AddressKind.LINK_LOCAL,
    "fe80::1%eth0": AddressKind.LINK_LOCAL,
}


@pytest.mark.parametrize(("address", "kind"), KINDS.items())
def test_an_address_is_of_one_kind(address: str, kind: AddressKind) -> None:
    assert kind_of_address(address) is kind
    assert kind_of_host(address) is kind


def test_the_unspecified_address_is_this_machine() -> None:
    assert kind_of_address(".".join("0000")) is AddressKind.LOOPBACK


def test_a_name_has_no_kind_until_it_is_resolved() -> None:
    assert kind_of_host("ghcr.io") is None
    assert kind_of_host("LocalHost.") is AddressKind.LOOPBACK
    assert kind_of_host("[::1]") is AddressKind.LOOPBACK


def test_a_registry_may_send_to_public_places_and_to_its_own_kind() -> None:
    settings = RegistrySettings(private_targets=("auth.corp.example",))
    private = frozenset({AddressKind.PRIVATE})
    assert kinds_for_target("cdn.example", frozenset({AddressKind.PUBLIC}), settings) == {AddressKind.PUBLIC}
    assert kinds_for_target("cdn.example", private, settings) == {AddressKind.PUBLIC, AddressKind.PRIVATE}
    assert kinds_for_target("auth.corp.example", frozenset(), settings) == frozenset(AddressKind)


@pytest.mark.parametrize(
    ("allowed", "denied", "registry", "passes"),
    [
        ((), (), "ghcr.io", True),
        (("ghcr.io",), (), "ghcr.io", True),
        (("ghcr.io",), (), "docker.io", False),
        (("*.example.com",), (), "a.example.com", True),
        (("*.example.com",), (), "example.com", False),
        (("*",), ("docker.io",), "docker.io", False),
        ((), ("localhost:*", "127.*"), "localhost:5000", False),
        ((), ("localhost:*", "127.*"), "127.0.0.1:5000", False),
    ],
)
def test_the_lists_say_which_registries_are_asked(
    allowed: tuple[str, ...], denied: tuple[str, ...], registry: str, passes: bool
) -> None:
    settings = RegistrySettings(allowed=allowed, denied=denied)
    if passes:
        check_registry(registry, "app:1", settings)
    else:
        with pytest.raises(Blocked, match=f"registry {registry} is .*not asked for app:1"):
            check_registry(registry, "app:1", settings)


async def test_a_denied_registry_gets_no_request(registry: SandboxRegistry, make_resolver: MakeResolver) -> None:
    registry.push_index("acme/app", "1", ["linux/amd64"])
    resolver = make_resolver(RegistrySettings(denied=(registry.address,)))
    answer = await resolver.resolve(f"{registry.address}/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.BLOCKED
    assert not registry.requests


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fd00::1]/", "http://cdn.test/"]
)
async def test_a_redirect_into_a_range_the_registry_is_not_in_is_blocked(
    registry: SandboxRegistry, make_resolver: MakeResolver, names: dict[str, str], target: str
) -> None:
    names["cdn.test"] = "192.168.7.7"
    registry.push_image("acme/app", "1", "linux/amd64")
    registry.inject(faults.redirect(target), kind="blob")
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.BLOCKED
    assert "latest" not in answer.message


async def test_a_token_service_in_a_range_the_registry_is_not_in_is_blocked(
    registry: SandboxRegistry, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["auth.test"] = "169.254.169.254"

    async def challenge(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer realm="http://auth.test/token"'})

    registry.inject(challenge)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.BLOCKED
    assert "auth.test" in answer.message


async def test_a_registry_at_a_link_local_address_is_not_asked(
    make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["metadata.test"] = "169.254.169.254"
    for host in ("169.254.169.254", "metadata.test"):
        answer = await make_resolver().resolve(f"{host}/latest/meta-data")
        assert isinstance(answer, ImageFailure)
        assert answer.cause is FailureCause.BLOCKED


async def test_a_target_that_the_settings_name_is_followed(
    registry: SandboxRegistry, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    """The registry is reached at one kind of address by its name, the storage at loopback: allowed when named."""
    names["storage.test"] = "127.0.0.1"
    registry.push_image("acme/app", "1", "linux/amd64")
    port = registry.address.rpartition(":")[2]

    async def to_storage(request: web.Request) -> web.StreamResponse | None:
        if request.host.startswith("storage.test"):
            return None
        return web.Response(status=307, headers={"Location": f"http://storage.test:{port}{request.path}"})

    registry.inject(to_storage, kind="blob")
    settings = RegistrySettings(private_targets=("storage.test",))
    answer = await make_resolver(settings).resolve(f"{registry.address}/acme/app:1")
    assert isinstance(answer, ImageContent)


async def test_where_the_loopback_is_off_limits_no_name_leads_there(
    registry: SandboxRegistry, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names.update({"inside.test": "127.0.0.1", "localhost": "127.0.0.1"})
    port = registry.address.rpartition(":")[2]
    hosts = [registry.address, f"localhost:{port}", f"inside.test:{port}", f"[::1]:{port}", f"0.0.0.0:{port}"]
    settings = RegistrySettings(allow_loopback=False, plain_http=frozenset(hosts))
    resolver = make_resolver(settings)
    for host in hosts:
        answer = await resolver.resolve(f"{host}/acme/app:1")
        assert isinstance(answer, ImageFailure), host
        assert answer.cause is FailureCause.BLOCKED, answer.message
    assert not registry.requests
