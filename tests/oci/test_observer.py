"""What an observer is told of the traffic with registries."""

from __future__ import annotations

from collections import Counter

from aiohttp import web

from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from tests.oci.conftest import MakeResolver


class Heard:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()
        self.remaining: list[tuple[str, int]] = []

    def registry_answered(self, registry: str, method: str, status: int) -> None:
        self.answers[registry, method, status] += 1

    def registry_failed(self, registry: str, method: str) -> None:
        self.failures[registry, method] += 1

    def registry_allows(self, registry: str, remaining: int) -> None:
        self.remaining.append((registry, remaining))


async def test_each_answer_is_told_with_its_registry_method_and_status(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    heard = Heard()
    registry.push_image("acme/app", "1", "linux/amd64")
    registry.inject(faults.status(503), kind="blob", times=1)
    await make_resolver(observer=heard).resolve(f"{registry.address}/acme/app:1")
    host = registry.address
    assert heard.answers == {(host, "HEAD", 200): 1, (host, "GET", 503): 1, (host, "GET", 200): 2}
    assert not heard.failures


async def test_a_request_without_an_answer_is_told_too(registry: SandboxRegistry, make_resolver: MakeResolver) -> None:
    heard = Heard()
    registry.inject(faults.reset())
    await make_resolver(RegistrySettings(attempts=2), observer=heard).resolve(f"{registry.address}/acme/app:1")
    assert set(heard.failures) == {(registry.address, "HEAD")}
    assert not heard.answers


async def test_what_a_registry_still_allows_is_told_as_often_as_it_says(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    """Docker Hub says it with the window; a header of another form is passed over."""
    heard = Heard()
    words = iter(["76;w=21600", "75", "plenty", "1e9"])

    async def limited(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, headers={"RateLimit-Remaining": next(words)})

    registry.inject(limited)
    resolver = make_resolver(observer=heard)
    for tag in ("1", "2"):
        await resolver.resolve(f"{registry.address}/acme/app:{tag}")
    assert heard.remaining == [(registry.address, 76), (registry.address, 75)]
