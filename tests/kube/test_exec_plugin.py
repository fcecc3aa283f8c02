from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.kube.certificates import tls_context
from scheduler.kube.errors import Unauthorized
from scheduler.kube.exec_plugin import ExecPlugin, PluginFailed
from scheduler.kube.pool import Endpoint
from scheduler.kube.requests import ApiClient
from tests.kube.pki import Authority, common_name
from tests.kube.scripted_server import ScriptedServer, ok

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


class Plugin:
    """A plugin whose answers are given, and a clock that the test moves."""

    def __init__(self, *answers: Any, context: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.runs = 0
        self.now = 1_790_000_000.0
        self.credentials = ExecPlugin(self.run, "get-token", context, seconds=0.1, clock=lambda: self.now)

    async def run(self) -> Any:
        self.runs += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer == "hang":
            await asyncio.Event().wait()
        return answer

    async def header(self) -> str | None:
        return await self.credentials.authorization()

    def token(self, name: str, lasts: float) -> dict[str, str]:
        expiry = datetime.fromtimestamp(self.now + lasts, UTC)
        return {"token": name, "expirationTimestamp": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")}


async def test_a_token_without_expiry_is_asked_for_once_even_by_many() -> None:
    plugin = Plugin({"token": "t1"})
    assert set(await asyncio.gather(*(plugin.header() for _ in range(20)))) == {"Bearer t1"}
    plugin.now += 1e6
    assert await plugin.header() == "Bearer t1"
    assert plugin.runs == 1


async def test_a_token_is_replaced_a_minute_before_it_expires() -> None:
    plugin = Plugin()
    plugin.answers = [plugin.token("t1", 900), {"token": "t2"}]
    assert await plugin.header() == "Bearer t1"
    plugin.now += 839
    assert await plugin.header() == "Bearer t1"
    plugin.now += 2
    assert await plugin.header() == "Bearer t2"


async def test_a_refused_token_is_replaced_but_not_at_every_refusal() -> None:
    plugin = Plugin({"token": "t1"}, {"token": "t2"})
    await plugin.header()
    plugin.credentials.rejected("Bearer t1")  # fresh from the plugin: it would only say the same
    assert await plugin.header() == "Bearer t1"
    plugin.now += 10
    plugin.credentials.rejected("Bearer another")
    assert await plugin.header() == "Bearer t1"
    plugin.credentials.rejected("Bearer t1")
    assert await plugin.header() == "Bearer t2"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (PluginFailed("exec: process returned 1. please log in"), "please log in"),
        (FileNotFoundError(2, "No such file or directory"), "it cannot be run (No such file or directory)"),
        ("hang", "no answer within 0.1 s"),
        ({}, "neither a token nor a client certificate"),
        ({"token": "two\nlines"}, "its token cannot be sent in a header"),
        ({"token": 7}, "its answer cannot be read: Expected `str`, got `int`"),
        ({"token": "t", "expirationTimestamp": "tomorrow"}, "its answer cannot be read: Invalid RFC3339"),
        ({"clientCertificateData": "x", "clientKeyData": "y"}, "the server's URL is not https"),
    ],
)
async def test_a_plugin_that_fails_is_named_with_its_reason_and_not_run_in_a_hurry(answer: Any, expected: str) -> None:
    plugin = Plugin(answer, {"token": "t1"})
    for _ in range(2):
        with pytest.raises(Unauthorized) as caught:
            await plugin.header()
        assert "the credential plugin get-token failed: " in caught.value.message
        assert expected in caught.value.message
    assert plugin.runs == 1
    plugin.now += 10
    assert await plugin.header() == "Bearer t1"


async def test_a_client_certificate_of_a_plugin_is_shown_to_the_server(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    context = tls_context(tmp_path / "ca.crt")
    plugin = Plugin(context=context)
    for name, lasts in (("first", 900.0), ("second", 5000.0)):
        certificate, key = authority.issue(name)
        expiry = plugin.token("", lasts)["expirationTimestamp"]
        plugin.answers.append(
            {
                "clientCertificateData": certificate.decode(),
                "clientKeyData": key.decode(),
                "expirationTimestamp": expiry,
            }
        )
    async with ScriptedServer(authority.server_context(tmp_path, clients=True)) as server:
        server.always("GET /x", ok({}))
        client = ApiClient(Endpoint(server.url, context), plugin.credentials)
        await client.request("GET", "/x")
        plugin.now += 1000
        await client.request("GET", "/x")
        await client.close()
    assert [common_name(certificate) for certificate in server.client_certificates] == ["first", "second"]
    assert "Authorization" not in server.received[0].headers


async def test_a_certificate_that_makes_no_sense_is_a_failure_of_the_plugin() -> None:
    plugin = Plugin({"clientCertificateData": "x", "clientKeyData": "y"}, context=tls_context(None))
    with pytest.raises(Unauthorized, match="its client certificate cannot be used"):
        await plugin.header()
