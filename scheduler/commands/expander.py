"""``multiarch-scheduler expander``: the gRPC services alone, for clusters that keep their scheduler.

Owns the wiring and the order of start and stop. There is no picture of the cluster here: nothing is watched, and the
API server is asked for nothing but the pull secrets of the pods that an autoscaler names.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog

from scheduler.config.settings import Settings
from scheduler.kube.connection import connect
from scheduler.kube.errors import InvalidConnection
from scheduler.kube.requests import ApiClient
from scheduler.kube.secrets import PullSecrets
from scheduler.oci.configured import registry_settings
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import InvalidRegistrySettings
from scheduler.rpc.services import make_server
from scheduler.serving.delegated import DelegatedAccess
from scheduler.serving.health import Health
from scheduler.serving.http_server import HttpServer
from scheduler.serving.tls import InvalidCertificates
from scheduler.telemetry import logs
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

STOP_SECONDS = 5.0
"""For the calls under way, when stopping. Kubernetes kills after 30 in all."""


def run_expander(settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    logs.configure(settings.logging)
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client: ApiClient | None = None
    try:
        if settings.images.read_pull_secrets or settings.serving.authorization == "delegated":
            client = await connect(settings.kube.kubeconfig, settings.kube.context)
        await _Services(settings, client).run(stop)
    except InvalidConnection as error:
        log.error("cannot connect", why=str(error))
        return 1
    except InvalidRegistrySettings as error:
        log.error("cannot ask registries", why=str(error))
        return 1
    except (InvalidCertificates, OSError) as error:
        log.error("cannot serve", why=str(error))
        return 1
    finally:
        if client is not None:
            await client.close()
    return 0


class _Services:
    """The gRPC server, and what is told of it over HTTP."""

    def __init__(self, settings: Settings, client: ApiClient | None) -> None:
        self._metrics = Metrics()
        self._resolver = Resolver(
            registry_settings(settings.images), on_problem=self._problem("credentials"), observer=self._metrics
        )
        secrets: PullSecrets | None = None
        access: DelegatedAccess | None = None
        if client is not None and settings.images.read_pull_secrets:
            secrets = PullSecrets(client, on_problem=self._problem("secret"))
        if client is not None and settings.serving.authorization == "delegated":
            access = DelegatedAccess(client)
        self._rpc = make_server(
            settings, self._resolver, secrets, None, self._metrics.registry, self._problem("certificate")
        )
        self._http = HttpServer(
            settings.serving,
            self._metrics,
            [Health("healthz", {}), Health("livez", {}), Health("readyz", {"shutdown": self._why_stopping})],
            before_scrape=self._scrape,
            on_problem=self._problem("certificate"),
            access=access,
        )
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set. Raises OSError when an address cannot be had."""
        try:
            port = await self._rpc.start()
            log.info("serving gRPC", rpc_port=port, health_port=await self._http.start())
            await stop.wait()
            log.info("stopping")
            self._stopping = True
        finally:
            await self._rpc.stop(STOP_SECONDS)
            await self._resolver.close()
            await self._http.stop()
            log.info("stopped")

    def _why_stopping(self) -> str | None:
        return "stopping" if self._stopping else None

    def _problem(self, part: str) -> Callable[[str], None]:
        def report(problem: str) -> None:
            self._metrics.problem(part)
            log.warning(problem)

        return report

    def _scrape(self) -> None:
        images = self._resolver
        self._metrics.image_cache(hits=images.cache.hits, misses=images.misses, size=images.cache.size)
