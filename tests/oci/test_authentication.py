"""Private images over real sockets: token services, Basic, and who never sees a credential."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from scheduler.images.content import FailureCause, ImageContent, ImageFailure
from scheduler.oci.credential import Credential
from scheduler.oci.credentials import Keyring
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.registry_access import Access
from tests.oci.conftest import MakeResolver, Time

LINUX = ("linux/amd64", "linux/arm64")
PASSWORD = "open-sesame"
PRIVATE = "acme/private"


def keyring(*entries: tuple[str, str, str]) -> Keyring:
    """From (key, user, password); each entry is a secret of its own."""
    return Keyring.from_pull_secrets(
        ("kubernetes.io/dockerconfigjson", json.dumps({"auths": {key: {"username": user, "password": word}}}).encode())
        for key, user, word in entries
    )


@pytest.fixture
def access(time: Time) -> Access:
    return Access(users={"alice": PASSWORD, "bob": PASSWORD}, private=frozenset({PRIVATE}), now=time)


@pytest.fixture
async def guarded(access: Access) -> AsyncIterator[SandboxRegistry]:
    registry = SandboxRegistry(access)
    await registry.start()
    registry.push_index(PRIVATE, "1", LINUX)
    registry.push_index("acme/public", "1", LINUX)
    yield registry
    await registry.stop()


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Serves one handler for every path; gives its address."""
    runners: list[web.AppRunner] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def is_image(answer: object) -> bool:
    assert isinstance(answer, ImageContent), answer
    return True


def cause(answer: object) -> FailureCause:
    assert isinstance(answer, ImageFailure), answer
    return answer.cause


async def test_a_public_image_is_read_with_an_anonymous_token(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    assert is_image(await make_resolver().resolve(f"{guarded.address}/acme/public:1"))
    assert guarded.count("GET", "token") == 1
    assert guarded.count("HEAD", "manifest") == 2  # the first one is answered by the challenge
    assert guarded.count("GET", "manifest") == 1


@pytest.mark.parametrize("basic", [False, True], ids=["token", "basic"])
async def test_a_private_image_is_read_by_its_pull_secret(
    guarded: SandboxRegistry, access: Access, make_resolver: MakeResolver, basic: bool
) -> None:
    access.basic = basic
    resolver = make_resolver()
    name = f"{guarded.address}/{PRIVATE}:1"
    assert is_image(await resolver.resolve(name, keyring((guarded.address, "alice", PASSWORD))))
    anonymous = await resolver.resolve(name)
    assert cause(anonymous) is FailureCause.UNAUTHORIZED
    assert resolver.known(name) is anonymous


async def test_a_wrong_password_is_unauthorized_and_never_shown(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    answer = await make_resolver().resolve(
        f"{guarded.address}/{PRIVATE}:1", keyring((guarded.address, "alice", "wrong-secret"))
    )
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.UNAUTHORIZED
    assert "answered 401 for acme/private:1: it did not accept the credentials" in answer.message
    assert "wrong-secret" not in repr(answer)


async def test_credentials_are_tried_in_their_order_until_one_is_good(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    host = guarded.address
    secrets = keyring((f"{host}/acme", "mallory", "no"), (host, "alice", PASSWORD))
    assert is_image(await make_resolver().resolve(f"{host}/{PRIVATE}:1", secrets))


async def test_an_image_with_credentials_is_not_read_anonymously(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    secrets = keyring((guarded.address, "mallory", "no"))
    answer = await make_resolver().resolve(f"{guarded.address}/acme/public:1", secrets)
    assert cause(answer) is FailureCause.UNAUTHORIZED


async def test_an_empty_user_name_asks_anonymously(guarded: SandboxRegistry, make_resolver: MakeResolver) -> None:
    assert is_image(
        await make_resolver().resolve(f"{guarded.address}/acme/public:1", keyring((guarded.address, "", "")))
    )


async def test_one_pod_is_not_answered_from_what_anothers_secret_read(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    digest = guarded.push_index(PRIVATE, "1", LINUX)
    resolver = make_resolver()
    for name in (f"{guarded.address}/{PRIVATE}:1", f"{guarded.address}/{PRIVATE}@{digest}"):
        assert is_image(await resolver.resolve(name, keyring((guarded.address, "alice", PASSWORD))))
        assert cause(await resolver.resolve(name)) is FailureCause.UNAUTHORIZED
        assert is_image(await resolver.resolve(name, keyring((guarded.address, "bob", PASSWORD))))
    assert guarded.count("GET", "manifest") == 1


async def test_a_token_serves_its_repository_and_credential_only(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    resolver = make_resolver()
    alice, bob = (keyring((guarded.address, user, PASSWORD)) for user in ("alice", "bob"))
    for tag in ("1", "2", "3"):
        guarded.push_index(PRIVATE, tag, LINUX)
        assert is_image(await resolver.resolve(f"{guarded.address}/{PRIVATE}:{tag}", alice))
    assert guarded.count("GET", "token") == 1
    await resolver.resolve(f"{guarded.address}/{PRIVATE}:1", bob)
    assert guarded.count("GET", "token") == 2
    await resolver.resolve(f"{guarded.address}/acme/public:1", alice)
    assert guarded.count("GET", "token") == 3


async def test_many_images_of_one_repository_wait_for_one_token(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    for number in range(30):
        guarded.push_index("acme/public", str(number), LINUX)
    resolver = make_resolver()
    answers = await asyncio.gather(
        *[resolver.resolve(f"{guarded.address}/acme/public:{number}") for number in range(30)]
    )
    assert all(map(is_image, answers))
    assert guarded.count("GET", "token") == 1


async def test_a_revoked_token_is_renewed_once(
    guarded: SandboxRegistry, access: Access, make_resolver: MakeResolver
) -> None:
    resolver = make_resolver()
    assert is_image(await resolver.resolve(f"{guarded.address}/acme/public:1"))
    access.revoke_tokens()
    guarded.push_index("acme/public", "2", ["linux/s390x"])
    assert is_image(await resolver.resolve(f"{guarded.address}/acme/public:2"))
    assert guarded.count("GET", "token") == 2
    access.lifetime = -1.0  # from now on every token is refused
    access.revoke_tokens()
    guarded.push_index("acme/public", "3", ["linux/riscv64"])
    assert cause(await resolver.resolve(f"{guarded.address}/acme/public:3")) is FailureCause.UNAUTHORIZED
    assert guarded.count("GET", "token") <= 4


async def test_a_token_is_renewed_before_its_end(
    guarded: SandboxRegistry, make_resolver: MakeResolver, time: Time
) -> None:
    resolver = make_resolver()
    await resolver.resolve(f"{guarded.address}/acme/public:1")
    time.seconds += 296
    await resolver.resolve(f"{guarded.address}/acme/public:1", fresh=True)
    assert guarded.count("GET", "token") == 2
    assert guarded.count("HEAD", "manifest") == 3  # none was spent on a refusal


async def test_an_identity_token_is_exchanged_by_post(
    guarded: SandboxRegistry, access: Access, make_resolver: MakeResolver
) -> None:
    access.identity_tokens = {"refresh-me": "alice"}
    secrets = Keyring([{guarded.address: Credential(identity_token="refresh-me")}])
    assert is_image(await make_resolver().resolve(f"{guarded.address}/{PRIVATE}:1", secrets))
    assert (guarded.count("POST", "token"), guarded.count("GET", "token")) == (1, 0)


async def test_a_token_service_without_get_is_asked_by_post(
    guarded: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    guarded.inject(faults.status(405), kind="token", times=1)
    secrets = keyring((guarded.address, "alice", PASSWORD))
    assert is_image(await make_resolver().resolve(f"{guarded.address}/{PRIVATE}:1", secrets))
    assert (guarded.count("POST", "token"), guarded.count("GET", "token")) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.body(b"{}"), FailureCause.MALFORMED),
        (faults.body(b'{"token":"a\\r\\nX-Injected: b"}'), FailureCause.MALFORMED),
        (faults.body(b'{"token":7}'), FailureCause.MALFORMED),
        (faults.body(b"<html>"), FailureCause.MALFORMED),
        (faults.oversized(2_000_000), FailureCause.TOO_LARGE),
        (faults.status(503), FailureCause.SERVER_ERROR),
        (faults.status(429, retry_after="60"), FailureCause.RATE_LIMITED),
        (faults.status(418), FailureCause.SERVER_ERROR),
        (faults.redirect_loop(), FailureCause.MALFORMED),
    ],
    ids=["no token", "line break", "number", "html", "2 MB", "503", "429", "418", "circles"],
)
async def test_a_token_service_that_misbehaves_is_named(
    guarded: SandboxRegistry, make_resolver: MakeResolver, fault: faults.Fault, expected: FailureCause
) -> None:
    guarded.inject(fault, kind="token")
    answer = await make_resolver().resolve(f"{guarded.address}/acme/public:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is expected
    assert "(token service 127.0.0.1)" in answer.message


@pytest.mark.parametrize("realm", ["", "ftp://127.0.0.1/token", "http://", "not a url", "http://[::1"])
async def test_a_realm_that_is_no_web_address_is_no_way_in(
    guarded: SandboxRegistry, make_resolver: MakeResolver, realm: str
) -> None:
    async def challenge(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'})

    guarded.inject(challenge, kind="manifest")
    answer = await make_resolver().resolve(f"{guarded.address}/acme/public:1")
    assert cause(answer) in (FailureCause.MALFORMED, FailureCause.UNAUTHORIZED)


async def test_another_host_never_sees_the_credential(
    guarded: SandboxRegistry, access: Access, make_resolver: MakeResolver, listen: Callable[..., Awaitable[str]]
) -> None:
    """The registry redirects to a host that asks for Basic: it is sent neither the token nor the password."""
    seen: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="give me"'})

    other = await listen(elsewhere)
    access.basic = True
    guarded.push_image(PRIVATE, "2", "linux/amd64")
    guarded.inject(faults.redirect(f"http://{other}/blob"), kind="blob")
    answer = await make_resolver().resolve(
        f"{guarded.address}/{PRIVATE}:2", keyring((guarded.address, "alice", PASSWORD))
    )
    assert cause(answer) is FailureCause.UNAUTHORIZED
    assert seen == [None]


async def test_a_blob_is_followed_to_another_host(
    guarded: SandboxRegistry, access: Access, make_resolver: MakeResolver, registry: SandboxRegistry
) -> None:
    access.basic = True
    guarded.push_image(PRIVATE, "2", "linux/amd64")
    registry.push_image(PRIVATE, "2", "linux/amd64")

    async def to_storage(request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=307, headers={"Location": f"http://{registry.address}{request.path}?sig=a%2Fb%3D&x=%7E"}
        )

    guarded.inject(to_storage, kind="blob")
    secrets = keyring((guarded.address, "alice", PASSWORD))
    assert is_image(await make_resolver().resolve(f"{guarded.address}/{PRIVATE}:2", secrets))
    assert registry.count("GET", "blob") == 1


@pytest.mark.parametrize("basic", [False, True], ids=["token", "basic"])
async def test_an_error_that_echoes_what_was_sent_is_not_shown(
    guarded: SandboxRegistry, access: Access, make_resolver: MakeResolver, basic: bool
) -> None:
    access.basic = basic
    sent: list[str] = []

    async def echo(request: web.Request) -> web.StreamResponse | None:
        proof = request.headers.get("Authorization", "").partition(" ")[2]
        if not proof:
            return None
        sent.append(base64.b64decode(proof).decode().partition(":")[2] if len(sent) == 1 and basic else proof)
        return web.json_response({"errors": [{"message": f"you said {sent[-1]}"}]}, status=403)

    guarded.inject(echo, kind="manifest")
    secrets = keyring((guarded.address, "alice", PASSWORD))
    resolver = make_resolver()
    answer = await resolver.resolve(f"{guarded.address}/{PRIVATE}:1", secrets)
    assert cause(answer) is FailureCause.FORBIDDEN
    assert len(sent) == 2  # HEAD, and GET for the reason
    assert not any(secret in str(answer) for secret in sent)
