"""A gRPC server over a real socket, with a registry of its own to ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec
from prometheus_client import CollectorRegistry

from scheduler.config.rpc import ExpanderSettings, RpcSettings
from scheduler.config.serving import TlsSettings
from scheduler.config.settings import Settings
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings
from scheduler.rpc.proto.expander_pb2 import BestOptionsRequest, BestOptionsResponse
from scheduler.rpc.services import make_server
from scheduler.sandbox.registry import SandboxRegistry
from tests.kube.pki import Authority

BEST_OPTIONS = "/grpcplugin.Expander/BestOptions"


@dataclass
class Pki:
    """Certificate files of a server, and those who trust it."""

    folder: Path
    servers: Authority = field(default_factory=lambda: Authority("servers"))
    callers: Authority = field(default_factory=lambda: Authority("callers"))

    def __post_init__(self) -> None:
        self.write()
        self.authority.write_bytes(self.servers.pem)
        (self.folder / "callers.pem").write_bytes(self.callers.pem)

    @property
    def authority(self) -> Path:
        """By which the server is trusted."""
        return self.folder / "ca.pem"

    def write(self, authority: Authority | None = None, *, expired: bool = False) -> None:
        """A new certificate of the server."""
        certificate, key = (authority or self.servers).issue("expander", expired=expired)
        (self.folder / "tls.crt").write_bytes(certificate)
        (self.folder / "tls.key").write_bytes(key)

    def settings(self, *, mutual: bool = False) -> TlsSettings:
        return TlsSettings(
            certificate=str(self.folder / "tls.crt"),
            key=str(self.folder / "tls.key"),
            client_authority=str(self.folder / "callers.pem") if mutual else None,
            period_seconds=0.001,
        )

    def identity(self, authority: Authority, *, expired: bool = False) -> tuple[Path, Path]:
        """Certificate and key of a caller."""
        paths = self.folder / "caller.crt", self.folder / "caller.key"
        for path, pem in zip(paths, authority.issue("autoscaler", expired=expired), strict=True):
            path.write_bytes(pem)
        return paths


@dataclass
class Served:
    """A server that runs, and what it had to complain about."""

    port: int
    registry: SandboxRegistry
    resolver: Resolver
    metrics: CollectorRegistry
    problems: list[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def image(self, name: str) -> str:
        return f"{self.registry.address}/{name}"

    async def best_options(
        self, request: BestOptionsRequest | bytes, *, authority: Path | None = None, seconds: float = 5.0
    ) -> list[str]:
        """The ids of the groups, asked as an autoscaler does; raises AioRpcError."""
        body = request if isinstance(request, bytes) else request.SerializeToString()
        async with channel(self.address, authority) as connection:
            call = connection.unary_unary(BEST_OPTIONS, response_deserializer=BestOptionsResponse.FromString)
            response: Any = await call(body, timeout=seconds)
            return [option.nodeGroupId for option in response.options]


def channel(address: str, authority: Path | None = None, identity: tuple[Path, Path] | None = None) -> grpc.aio.Channel:
    if authority is None:
        return grpc.aio.insecure_channel(address)
    certificate, key = (None, None) if identity is None else (path.read_bytes() for path in identity)
    credentials = grpc.ssl_channel_credentials(authority.read_bytes(), key, certificate)
    return grpc.aio.secure_channel(address, credentials)


async def until(condition: Callable[[], bool]) -> None:
    """Until it holds, for five seconds at most."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


@contextlib.asynccontextmanager
async def served(
    *,
    tls: TlsSettings | None = None,
    expander: ExpanderSettings | None = None,
    images: dict[str, Any] | None = None,
    cluster: Any = None,
    secrets: Any = None,
    registries: RegistrySettings | None = None,
    **rpc: Any,
) -> AsyncIterator[Served]:
    """``images``, ``rpc``: settings in the spelling of Python, over the defaults."""
    where = {"enabled": True, "host": "127.0.0.1", "port": 0}
    settings = Settings(rpc=RpcSettings(tls=tls, expander=expander or ExpanderSettings(), **{**where, **rpc}))
    settings = msgspec.structs.replace(settings, images=msgspec.structs.replace(settings.images, **(images or {})))
    registry, problems, metrics = SandboxRegistry(), list[str](), CollectorRegistry()
    async with contextlib.AsyncExitStack() as ends:
        await registry.start()
        ends.push_async_callback(registry.stop)
        resolver = Resolver(registries or RegistrySettings(use_proxies=False))
        ends.push_async_callback(resolver.close)
        server = make_server(settings, resolver, secrets, cluster, metrics, problems.append)
        ends.push_async_callback(server.stop, 0.5)
        yield Served(await server.start(), registry, resolver, metrics, problems)
