"""TLS, callers' certificates, and their replacement while the server runs."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from extender.server.listener import Listener, ListenerSettings
from extender.server.messages import Response
from scheduler.serving.tls import CertificateFiles, FollowedTls, InvalidCertificates
from tests.kube.pki import Authority

SETTINGS = ListenerSettings("127.0.0.1", 0, 1000, 8, 5.0, 30.0)


class Pki:
    """Certificate files in a folder, and callers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = Authority("servers")
        self.callers = Authority("callers")
        self.files = CertificateFiles(folder / "tls.crt", folder / "tls.key", folder / "callers.crt")
        self.write_server()
        self.write_callers()

    def write_server(self) -> None:
        certificate, key = self.servers.issue("extender")
        self.files.certificate.write_bytes(certificate)
        self.files.key.write_bytes(key)

    def write_callers(self) -> None:
        assert self.files.client_authority is not None
        self.files.client_authority.write_bytes(self.callers.pem)

    def caller(self, authority: Authority | None) -> ssl.SSLContext:
        """A caller that trusts the servers, with a certificate of the authority."""
        context = ssl.create_default_context(cadata=self.servers.pem.decode())
        if authority is not None:
            certificate, key = authority.issue("kube-scheduler")
            (self.folder / "caller.pem").write_bytes(certificate + key)
            context.load_cert_chain(self.folder / "caller.pem")
        return context


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


@contextlib.asynccontextmanager
async def listening(tls: FollowedTls) -> AsyncIterator[int]:
    listener = Listener(SETTINGS, lambda _request: Response(200, b"{}"), tls=tls.context)
    port = await listener.start()
    try:
        yield port
    finally:
        await listener.stop(0.1)


async def call(port: int, context: ssl.SSLContext) -> bytes:
    """The answer, and the server's certificate before it. Raises what a caller sees."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read(-1)
        if not answer:
            raise ConnectionResetError
        connection = writer.get_extra_info("ssl_object")
        return bytes(connection.getpeercert(binary_form=True))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_only_callers_with_a_certificate_are_answered(pki: Pki) -> None:
    async with listening(FollowedTls(pki.files, 60.0, lambda _: None)) as port:
        assert await call(port, pki.caller(pki.callers))
        for stranger in (None, pki.servers):
            with pytest.raises(OSError):  # noqa: PT011 - an alert, or a cut connection
                await call(port, pki.caller(stranger))


async def test_without_an_authority_of_callers_anybody_is_answered(pki: Pki) -> None:
    files = CertificateFiles(pki.files.certificate, pki.files.key)
    async with listening(FollowedTls(files, 60.0, lambda _: None)) as port:
        assert await call(port, pki.caller(None))


async def test_replaced_files_hold_for_the_next_connection(pki: Pki) -> None:
    problems: list[str] = []
    tls = FollowedTls(pki.files, 60.0, problems.append)
    async with listening(tls) as port:
        caller = pki.caller(pki.callers)
        before = await call(port, caller)
        pki.write_server()
        tls.follow()
        assert await call(port, caller) != before
        pki.callers = Authority("new callers")
        pki.write_callers()
        tls.follow()
        assert await call(port, pki.caller(pki.callers))
        with pytest.raises(OSError):  # noqa: PT011 - an alert, or a cut connection
            await call(port, caller)
    assert tls.loaded == 3
    assert problems == []


async def test_half_written_files_are_told_and_the_last_good_ones_stay(pki: Pki) -> None:
    problems: list[str] = []
    tls = FollowedTls(pki.files, 60.0, problems.append)
    async with listening(tls) as port:
        before = await call(port, pki.caller(pki.callers))
        pki.files.key.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
        tls.follow()
        assert await call(port, pki.caller(pki.callers)) == before
        assert len(problems) == 1
        assert str(pki.files.certificate) in problems[0]
        pki.write_server()
        tls.follow()
        assert await call(port, pki.caller(pki.callers)) != before


async def test_files_are_looked_at_again_and_again(pki: Pki) -> None:
    tls = FollowedTls(pki.files, 0.01, lambda _: None)
    following = asyncio.create_task(tls.run())
    pki.write_server()
    for _ in range(500):
        if tls.loaded == 2:
            break
        await asyncio.sleep(0.01)
    assert tls.loaded == 2
    following.cancel()


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key", "callers.crt"])
def test_missing_files_stop_the_start(pki: Pki, missing: str) -> None:
    (pki.folder / missing).unlink()
    with pytest.raises(InvalidCertificates, match=missing.replace(".", r"\.")):
        FollowedTls(pki.files, 60.0, lambda _: None)
