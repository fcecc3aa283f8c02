"""The HTTP endpoints that kubelets and Prometheus ask: /healthz, /livez, /readyz, /metrics.

Owns the listener. What healthy and ready mean is asked of the callables given; what is measured, of ``metrics``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from scheduler.config.settings import ServingSettings
from scheduler.telemetry.metrics import CONTENT_TYPE

Check = Callable[[], str | None]
"""Returns None when all is well, else one line saying what is not."""


class Exposing(Protocol):
    """Metrics, as far as they are served here."""

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""


class HealthServer:
    """Serves until ``stop``. ``before_scrape`` brings the gauges up to date."""

    def __init__(
        self,
        settings: ServingSettings,
        metrics: Exposing,
        *,
        live: Check,
        ready: Check,
        before_scrape: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._before_scrape = before_scrape
        app = web.Application()
        app.router.add_get("/healthz", self._answer(live))
        app.router.add_get("/livez", self._answer(live))
        app.router.add_get("/readyz", self._answer(ready))
        app.router.add_get("/metrics", self._scrape)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError when the address is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        await self._runner.cleanup()

    @staticmethod
    def _answer(check: Check) -> Handler:
        async def answer(_request: web.Request) -> web.StreamResponse:
            problem = check()
            return web.Response(text=problem or "ok", status=503 if problem else 200)

        return answer

    async def _scrape(self, _request: web.Request) -> web.Response:
        self._before_scrape()
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})
