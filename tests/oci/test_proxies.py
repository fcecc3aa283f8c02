"""Proxies by the environment, as Go programs understand it."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from scheduler.images.content import FailureCause, ImageContent, ImageFailure
from scheduler.oci.proxies import InvalidProxy, Proxies
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from tests.oci.conftest import MakeResolver

PROXY = "http://proxy.corp:3128"


@pytest.mark.parametrize(
    ("no_proxy", "url", "proxied"),
    [
        ("", "https://ghcr.io/v2", True),
        ("", "https://localhost/v2", False),
        ("", "https://127.0.0.1:5000/v2", False),
        ("", "https://[::1]/v2", False),
        ("*", "https://ghcr.io/v2", False),
        ("ghcr.io", "https://ghcr.io/v2", False),
        ("ghcr.io", "https://pkg.ghcr.io/v2", False),
        ("ghcr.io", "https://notghcr.io/v2", True),
        (".corp", "https://corp/v2", True),
        (".corp", "https://registry.corp/v2", False),
        ("*.corp", "https://registry.corp/v2", False),
        ("GHCR.io", "https://ghcr.IO/v2", False),
        ("ghcr.io:443", "https://ghcr.io/v2", False),
        ("ghcr.io:5000", "https://ghcr.io/v2", True),
        ("10.0.0.0/8", "https://10.1.2.3/v2", False),
        ("10.0.0.0/8", "https://11.1.2.3/v2", True),
        ("10.1.2.3", "https://10.1.2.3/v2", False),
        ("10.1.2.3:5000", "https://10.1.2.3/v2", True),
        ("fd00::/8", "https://[fd00::1]/v2", False),
        ("a, ,b.c", "https://b.c/v2", False),
        ("a,,", "https://ghcr.io/v2", True),
    ],
)
def test_exceptions_are_those_of_go(no_proxy: str, url: str, proxied: bool) -> None:
    proxies = Proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})
    assert (proxies.proxy_for(URL(url)) is not None) is proxied


def test_each_scheme_has_its_proxy_in_either_case() -> None:
    proxies = Proxies({"https_proxy": "secure.corp:1", "HTTP_PROXY": "http://plain.corp:2", "http_proxy": "ignored"})
    assert str(proxies.proxy_for(URL("https://ghcr.io"))) == "http://secure.corp:1"
    assert str(proxies.proxy_for(URL("http://ghcr.io"))) == "http://plain.corp:2"
    assert Proxies({"HTTP_PROXY": PROXY}).proxy_for(URL("https://ghcr.io")) is None


@pytest.mark.parametrize("value", ["socks5://x", "http://", "http://user:secret@"])
def test_a_proxy_that_is_none_is_named_without_its_value(value: str) -> None:
    with pytest.raises(InvalidProxy, match=r"^HTTPS_PROXY is no address of an HTTP proxy$"):
        Proxies({"HTTPS_PROXY": value})


async def test_a_registry_is_asked_through_the_proxy(
    registry: SandboxRegistry, make_resolver: MakeResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry's name has an address only for the proxy."""
    registry.push_index("acme/app", "1", ["linux/arm64"])
    asked: list[str] = []

    async def forward(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(str(request.url))
        target = URL(f"http://{registry.address}").with_path(request.path)
        headers = {"Accept": request.headers.get("Accept", "*/*")}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, target, headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), headers=answer.headers)

    runner = web.ServerRunner(web.Server(forward), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{runner.addresses[0][1]}")
    try:
        settings = RegistrySettings(plain_http=frozenset({"registry.inside"}))
        answer = await make_resolver(settings).resolve("registry.inside/acme/app:1")
        assert isinstance(answer, ImageContent), answer
        assert asked[0] == "http://registry.inside/v2/acme/app/manifests/1"
    finally:
        await runner.cleanup()


async def test_a_redirect_to_a_private_address_does_not_reach_the_proxy(
    registry: SandboxRegistry, make_resolver: MakeResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "127.0.0.1:1")
    registry.push_image("acme/app", "1", "linux/amd64")
    registry.inject(faults.redirect("http://169.254.169.254/latest"), kind="blob")
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.BLOCKED


async def test_a_proxy_that_is_down_is_told_apart(make_resolver: MakeResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:1")
    answer = await make_resolver().resolve("registry.test/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.NETWORK
    assert answer.message == (
        "registry registry.test cannot be reached for acme/app:1: the HTTP proxy did not let us through"
    )
