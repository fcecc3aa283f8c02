"""The HTTP endpoints that kubelets, Prometheus and people ask.

Owns the listener, its certificates and the routes: /healthz, /livez, /readyz for everybody; /metrics and the documents
(JSON, such as /configz) for those whom ``access`` lets. What healthy means is asked of ``health``; what is measured, of
``metrics``; what a document says, of the callables given.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from scheduler.config.serving import ServingSettings, TlsSettings
from scheduler.serving.access import Access, LocalAccess
from scheduler.serving.health import Health
from scheduler.serving.tls import CertificateFiles, FollowedTls
from scheduler.telemetry.metrics import CONTENT_TYPE

Document = Callable[[Mapping[str, str]], object]
"""Gets what the path's names stand for; returns what can be JSON, or None where there is nothing (404)."""


class Exposing(Protocol):
    """Metrics, as far as they are served here."""

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""


class HttpServer:
    """Serves until ``stop``. ``before_scrape`` brings the gauges up to date; ``documents``: by path, names in braces.

    Raises InvalidCertificates when made with certificates that cannot be used.
    """

    def __init__(
        self,
        settings: ServingSettings,
        metrics: Exposing,
        health: Iterable[Health],
        *,
        before_scrape: Callable[[], None],
        on_problem: Callable[[str], None],
        documents: Mapping[str, Document] | None = None,
        access: Access | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._before_scrape = before_scrape
        self._access = access or LocalAccess()
        self._tls = None if settings.tls is None else followed(settings.tls, on_problem)
        self._following: asyncio.Task[None] | None = None
        app = web.Application()
        for checks in health:
            app.router.add_get(f"/{checks.endpoint}", _all_of(checks))
            app.router.add_get(f"/{checks.endpoint}/{{check}}", _one_of(checks))
        app.router.add_get("/metrics", self._guarded(self._scrape))
        for path, document in (documents or {}).items():
            app.router.add_get(path, self._guarded(_shown(document)))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError when the address is taken."""
        await self._runner.setup()
        context = None if self._tls is None else self._tls.context
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port, ssl_context=context)
        await site.start()
        if self._tls is not None:
            self._following = asyncio.create_task(self._tls.run())
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        await self._runner.cleanup()

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            bearer = token.strip() if scheme.lower() == "bearer" else None
            refusal = await self._access.refusal(request.path, bearer, request.remote or "")
            if refusal is None:
                return await handler(request)
            headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
            return web.Response(text=refusal.message + "\n", status=refusal.status, headers=headers)

        return answer

    async def _scrape(self, _request: web.Request) -> web.StreamResponse:
        self._before_scrape()
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})


def followed(settings: TlsSettings, on_problem: Callable[[str], None]) -> FollowedTls:
    """The certificates of a listener, as its settings name them. Raises InvalidCertificates."""
    authority = None if settings.client_authority is None else Path(settings.client_authority)
    files = CertificateFiles(Path(settings.certificate), Path(settings.key), authority)
    return FollowedTls(files, settings.period_seconds, on_problem)


def _all_of(health: Health) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        status, text = health.answer(request.query.getall("exclude", []), verbose="verbose" in request.query)
        return web.Response(text=text, status=status)

    return answer


def _one_of(health: Health) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        found = health.answer_one(request.match_info["check"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(text=found[1], status=found[0])

    return answer


def _shown(document: Document) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        found = document(request.match_info)
        if found is None:
            raise web.HTTPNotFound(text=f"nothing is known for {request.path}\n")
        body = msgspec.json.format(msgspec.json.encode(found, order="deterministic"), indent=2) + b"\n"
        return web.Response(body=body, content_type="application/json")

    return answer
