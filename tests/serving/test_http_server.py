"""The endpoints that kubelets and Prometheus ask, over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from scheduler.config.settings import ServingSettings
from scheduler.serving.http_server import HealthServer
from scheduler.telemetry.metrics import Metrics


@pytest.mark.parametrize(
    ("path", "problem", "status", "text"),
    [
        ("/livez", None, 200, "ok"),
        ("/healthz", None, 200, "ok"),
        ("/readyz", None, 200, "ok"),
        ("/readyz", "waiting for the first list of pods", 503, "waiting for the first list of pods"),
    ],
)
async def test_a_check_answers_ok_or_what_is_wrong(path: str, problem: str | None, status: int, text: str) -> None:
    async with serving(ready=problem) as url, aiohttp.ClientSession() as session, session.get(url + path) as answer:
        assert (answer.status, await answer.text()) == (status, text)


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
        second = health_server(ServingSettings(host="127.0.0.1", port=port))
        with pytest.raises(OSError, match=str(port)):
            await second.start()
        await second.stop()


@contextlib.asynccontextmanager
async def serving(
    metrics: Metrics | None = None, *, ready: str | None = None, before_scrape: Callable[[], None] = lambda: None
) -> AsyncIterator[str]:
    """A server on a free port; its URL."""
    settings = ServingSettings(host="127.0.0.1", port=0)
    server = health_server(settings, metrics, ready=ready, before_scrape=before_scrape)
    port = await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop()


def health_server(
    settings: ServingSettings,
    metrics: Metrics | None = None,
    *,
    ready: str | None = None,
    before_scrape: Callable[[], None] = lambda: None,
) -> HealthServer:
    return HealthServer(
        settings, metrics or Metrics(), live=lambda: None, ready=lambda: ready, before_scrape=before_scrape
    )
