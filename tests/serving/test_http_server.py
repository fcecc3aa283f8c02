"""The endpoints that kubelets and Prometheus ask, over real sockets."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from scheduler.config.serving import ServingSettings, TlsSettings
from scheduler.serving.access import Access, LocalAccess, Refusal
from scheduler.serving.health import Health
from scheduler.serving.http_server import HttpServer
from scheduler.telemetry.metrics import Metrics
from tests.kube.pki import Authority


@pytest.mark.parametrize("endpoint", ["healthz", "livez", "readyz"])
async def test_an_endpoint_of_which_all_checks_pass_says_ok(endpoint: str) -> None:
    async with serving() as url:
        assert await get(f"{url}/{endpoint}") == (200, "ok")


async def test_a_check_that_fails_is_told_among_the_others() -> None:
    async with serving(ready="waiting for the first list of pods") as url:
        lines = "[+]ping ok\n[-]watches failed: waiting for the first list of pods\nreadyz check failed\n"
        assert await get(f"{url}/readyz") == (500, lines)
        assert await get(f"{url}/readyz?exclude=watches") == (200, "ok")
        assert await get(f"{url}/readyz/ping") == (200, "ok")
        assert (await get(f"{url}/readyz/watches"))[0] == 500
        assert (await get(f"{url}/readyz/other"))[0] == 404


async def test_every_check_is_told_to_whom_asks_for_all() -> None:
    async with serving() as url:
        assert await get(f"{url}/livez?verbose") == (200, "[+]ping ok\nlivez check passed\n")
        excluded = (await get(f"{url}/readyz?verbose&exclude=watches&exclude=wathces"))[1].splitlines()
        assert excluded[1:3] == [
            "[+]watches excluded: ok",
            "warn: some health checks cannot be excluded: no matches for wathces",
        ]


async def test_a_document_is_json_and_what_is_not_there_is_not_found() -> None:
    async with serving() as url:
        assert await get(f"{url}/named/a") == (200, '{\n  "name": "a"\n}\n')
        assert await get(f"{url}/named/b") == (404, "nothing is known for /named/b\n")


async def test_documents_are_for_this_machine_only_and_metrics_for_all() -> None:
    async with serving(access=FromElsewhere()) as url:
        assert (await get(f"{url}/metrics"))[0] == 200
        status, text = await get(f"{url}/named/a")
        assert (status, text) == (403, "/named/a is served to this machine only, as through kubectl port-forward\n")
        assert await get(f"{url}/healthz") == (200, "ok")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
async def test_every_form_of_a_loopback_address_is_this_machine(peer: str) -> None:
    assert await LocalAccess().refusal("/configz", None, peer) is None


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "", "localhost"])
async def test_every_other_address_is_not(peer: str) -> None:
    assert await LocalAccess().refusal("/configz", None, peer) is not None


async def test_over_tls_whoever_trusts_the_certificate_is_answered(tmp_path: Path) -> None:
    authority = Authority()
    for name, pem in zip(("tls.crt", "tls.key"), authority.issue("scheduler"), strict=True):
        (tmp_path / name).write_bytes(pem)
    tls = TlsSettings(certificate=str(tmp_path / "tls.crt"), key=str(tmp_path / "tls.key"))
    trusting = ssl.create_default_context(cadata=authority.pem.decode())
    async with serving(tls=tls) as url:
        secured = url.replace("http:", "https:")
        assert await get(f"{secured}/healthz", ssl=trusting) == (200, "ok")
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await get(f"{secured}/healthz", ssl=True)


async def test_a_scrape_brings_the_gauges_up_to_date_first() -> None:
    metrics = Metrics()
    async with (
        serving(metrics, before_scrape=lambda: metrics.pending({"active": 7}, {})) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/metrics") as answer,
    ):
        assert 'scheduler_pending_pods{queue="active"} 7.0' in await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain")


async def test_a_port_that_is_taken_is_an_os_error() -> None:
    async with serving() as url:
        port = int(url.rpartition(":")[2])
        second = http_server(ServingSettings(host="127.0.0.1", port=port))
        with pytest.raises(OSError, match=str(port)):
            await second.start()
        await second.stop()


class FromElsewhere:
    """Treats every caller as one from another machine."""

    async def refusal(self, path: str, token: str | None, peer: str) -> Refusal | None:
        return await LocalAccess().refusal(path, token, "10.0.0.1")


async def get(url: str, **options: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, **options) as answer:
        return answer.status, await answer.text()


@contextlib.asynccontextmanager
async def serving(
    metrics: Metrics | None = None,
    *,
    ready: str | None = None,
    before_scrape: Callable[[], None] = lambda: None,
    tls: TlsSettings | None = None,
    access: Access | None = None,
) -> AsyncIterator[str]:
    """A server on a free port; its URL."""
    settings = ServingSettings(host="127.0.0.1", port=0, tls=tls)
    server = http_server(settings, metrics, ready=ready, before_scrape=before_scrape, access=access)
    port = await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop()


def http_server(
    settings: ServingSettings,
    metrics: Metrics | None = None,
    *,
    ready: str | None = None,
    before_scrape: Callable[[], None] = lambda: None,
    access: Access | None = None,
) -> HttpServer:
    return HttpServer(
        settings,
        metrics or Metrics(),
        [Health("healthz", {}), Health("livez", {}), Health("readyz", {"watches": lambda: ready})],
        before_scrape=before_scrape,
        on_problem=lambda _: None,
        documents={"/named/{name}": lambda names: dict(names) if names["name"] == "a" else None},
        access=access,
    )
