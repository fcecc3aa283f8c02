from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

from scheduler.kube.certificates import CertificateFiles, tls_context
from scheduler.kube.credentials import FixedCredentials
from scheduler.kube.errors import InvalidConnection, Unreachable
from scheduler.kube.pool import Endpoint
from scheduler.kube.requests import ApiClient
from tests.kube.pki import Authority, common_name
from tests.kube.scripted_server import ScriptedServer, lines, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> Path:
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    return tmp_path


def issue(authority: Authority, folder: Path, name: str) -> None:
    certificate, key = authority.issue(name)
    (folder / "client.crt").write_bytes(certificate)
    (folder / "client.key").write_bytes(key)


@pytest.fixture
async def server(authority: Authority, tmp_path: Path) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(authority.server_context(tmp_path, clients=True)) as started:
        started.always("GET /x", ok({}))
        yield started


def client_of(server: ScriptedServer, folder: Path, clock: Clock) -> ApiClient:
    context = tls_context(folder / "ca.crt")
    credentials = CertificateFiles(
        context,
        FixedCredentials(),
        authority=folder / "ca.crt",
        certificate=folder / "client.crt",
        key=folder / "client.key",
        clock=clock,
    )
    return ApiClient(Endpoint(server.url, context), credentials)


async def test_a_renewed_client_certificate_is_used_without_a_restart(
    authority: Authority, folder: Path, server: ScriptedServer
) -> None:
    clock = Clock()
    issue(authority, folder, "old")
    client = client_of(server, folder, clock)
    server.script("GET /stream", lines("running", then="silent"))
    stream = client.stream("/stream")
    await anext(stream)
    await client.request("GET", "/x")
    issue(authority, folder, "new")
    await client.request("GET", "/x")
    clock.now += 60
    await client.request("GET", "/x")
    seen = [common_name(certificate) for certificate in server.client_certificates]
    assert seen == ["old", "old", "old", "new"]
    with pytest.raises(TimeoutError):  # the watch on the old connection goes on: it was not cut
        await asyncio.wait_for(anext(stream), 0.05)
    await client.close()


async def test_a_half_written_renewal_leaves_the_old_certificate_in_use(
    authority: Authority, folder: Path, server: ScriptedServer
) -> None:
    clock = Clock()
    issue(authority, folder, "old")
    client = client_of(server, folder, clock)
    _, foreign_key = authority.issue("other")
    (folder / "client.key").write_bytes(foreign_key)
    clock.now += 60
    await client.request("GET", "/x")
    issue(authority, folder, "new")
    clock.now += 60
    await client.request("GET", "/x")
    assert [common_name(certificate) for certificate in server.client_certificates] == ["old", "new"]
    await client.close()


async def test_a_new_authority_is_trusted_besides_the_old_one(tmp_path: Path) -> None:
    clock = Clock()
    old, new = Authority("old"), Authority("new")
    path = tmp_path / "ca.crt"
    path.write_bytes(old.pem)
    context = tls_context(path)
    credentials = CertificateFiles(context, FixedCredentials(), authority=path, clock=clock)
    async with ScriptedServer(new.server_context(tmp_path)) as server:
        server.always("GET /x", ok({}))
        client = ApiClient(Endpoint(server.url, context), credentials)
        with pytest.raises(Unreachable, match="not trusted") as caught:
            await client.request("GET", "/x")
        assert not caught.value.sent
        path.write_bytes(new.pem)
        clock.now += 60
        await client.request("GET", "/x")
        await client.close()


async def test_an_untrusted_server_is_refused_unless_verification_is_off(tmp_path: Path) -> None:
    async with ScriptedServer(Authority().server_context(tmp_path)) as server:
        server.always("GET /x", ok({}))
        for context in (None, tls_context(None)):
            client = ApiClient(Endpoint(server.url, context))
            with pytest.raises(Unreachable, match="not trusted"):
                await client.request("GET", "/x")
            await client.close()
        client = ApiClient(Endpoint(server.url, tls_context(None, verify=False)))
        await client.request("GET", "/x")
        await client.close()


async def test_the_name_in_the_certificate_can_be_given(authority: Authority, folder: Path) -> None:
    async with ScriptedServer(authority.server_context(folder)) as server:
        server.always("GET /x", ok({}))
        address = server.url.replace("127.0.0.1", "localhost")  # a name that the certificate does not have
        context = tls_context(folder / "ca.crt")
        client = ApiClient(Endpoint(address, context))
        with pytest.raises(Unreachable, match="not trusted"):
            await client.request("GET", "/x")
        await client.close()
        client = ApiClient(Endpoint(address, context, tls_server_name="apiserver"))
        await client.request("GET", "/x")
        await client.close()


@pytest.mark.parametrize("missing", [True, False])
def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path, missing: bool) -> None:
    path = tmp_path / "ca.crt"
    if not missing:
        path.write_text("not a certificate")
    with pytest.raises(InvalidConnection, match=str(path)):
        tls_context(path)


def test_a_client_certificate_that_cannot_be_used_is_named(authority: Authority, folder: Path) -> None:
    certificate, _ = authority.issue("mine")
    _, key = authority.issue("other")
    (folder / "client.crt").write_bytes(certificate)
    (folder / "client.key").write_bytes(key)
    with pytest.raises(InvalidConnection, match=r"client\.crt"):
        CertificateFiles(
            ssl.create_default_context(),
            FixedCredentials(),
            certificate=folder / "client.crt",
            key=folder / "client.key",
        )
