"""The gRPC server: the listener, its limits, health and reflection.

Owns start and stop. Which services there are, and who answers them, is put together in ``services``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import OVERALL_HEALTH
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from scheduler.config.rpc import RpcSettings
from scheduler.rpc.calls import Method, Observer, handler
from scheduler.rpc.tls import FollowedCredentials

KEEPALIVE_MILLISECONDS = 60_000
"""After so long without a sign of life a caller with an open stream is asked for one."""


class RpcServer:
    """Serves from ``start`` to ``stop``. ``services``: the methods of each.

    Raises InvalidCertificates when the settings name certificates that cannot be used.
    """

    def __init__(
        self,
        settings: RpcSettings,
        services: Mapping[ServiceDescriptor, Mapping[str, Method]],
        observer: Observer,
        on_problem: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._services = services
        self._observer = observer
        self._on_problem = on_problem
        self._loop = asyncio.get_running_loop()
        self._tls = None if settings.tls is None else FollowedCredentials(settings.tls, self._problem)
        self._health = health.HealthServicer()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError when the address cannot be had."""
        settings = self._settings
        server = grpc.aio.server(options=_options(settings), maximum_concurrent_rpcs=settings.max_calls)
        server.add_generic_rpc_handlers(
            [handler(service, methods, self._observer) for service, methods in self._services.items()]
        )
        names = [service.full_name for service in self._services]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*names, HEALTH, reflection.SERVICE_NAME], server)
        for name in (OVERALL_HEALTH, *names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        address = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
        try:
            if self._tls is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, self._tls.credentials)
        except RuntimeError as error:
            raise OSError(f"{address}: {error}") from error
        await server.start()
        self._server = server
        return port

    async def stop(self, seconds: float) -> None:
        """No new calls; those under way have so long."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(seconds)

    def _problem(self, problem: str) -> None:
        """From gRPC's threads into ours."""
        self._loop.call_soon_threadsafe(self._on_problem, problem)


def _options(settings: RpcSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_request_megabytes * 2**20),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # two processes on one port are a mistake, and are to be told so
        ("grpc.keepalive_time_ms", KEEPALIVE_MILLISECONDS),
    ]
