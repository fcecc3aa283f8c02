"""A sandbox registry and resolvers that end with the test."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox.registry import SandboxRegistry

MakeResolver = Callable[..., Resolver]


class Time:
    """A clock that goes only when told, or when something sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the machine is none of the tests' business."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def registry() -> AsyncIterator[SandboxRegistry]:
    registry = SandboxRegistry()
    await registry.start()
    yield registry
    await registry.stop()


@pytest.fixture
async def make_resolver(time: Time) -> AsyncIterator[MakeResolver]:
    made: list[Resolver] = []

    def make(settings: RegistrySettings | None = None, **arguments: object) -> Resolver:
        resolver = Resolver(settings, now=time, sleep=time.sleep, **arguments)  # type: ignore[arg-type]
        made.append(resolver)
        return resolver

    yield make
    for resolver in made:
        await resolver.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Host names of this test and the one address of each; no other name has one."""
    known: dict[str, str] = {}

    async def resolve(_self: object, host: str, port: int = 0, _family: int = 0) -> list[dict[str, object]]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "name or service not known")
        version = ipaddress.ip_address(known[host]).version
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        return [
            {"hostname": host, "host": known[host], "port": port, "family": family, "proto": 0, "flags": 0},
        ]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    return known
