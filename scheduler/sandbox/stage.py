"""Where a scenario is played: a cluster to put nodes and pods into, and a registry to push images to.

Owns the port, and the embedded stage behind it. The tests bring another one, of a real control plane, and play the same
scenarios there.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from scheduler.kube.connection import connect
from scheduler.kube.requests import ApiClient
from scheduler.sandbox.api_server import SandboxApiServer
from scheduler.sandbox.kubelets import SandboxKubelets
from scheduler.sandbox.pulling import PushedImages
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.scenario import ScenarioImage

Manifest = Mapping[str, Any]


class Stage(Protocol):
    """``client`` is an administrator's; ``kubeconfig`` is what the scheduler and kubectl connect with."""

    client: ApiClient
    kubeconfig: Path
    registry: str

    def push(self, image: ScenarioImage) -> None:
        """Make the image available from ``registry``."""

    def as_node(self, node: Manifest) -> Manifest:
        """The node as it has to be created for somebody to play its kubelet."""


class SandboxStage:
    """All of it in this process."""

    def __init__(
        self,
        client: ApiClient,
        kubeconfig: Path,
        registry: SandboxRegistry,
        server: SandboxApiServer,
        pushed: PushedImages,
    ) -> None:
        self.client = client
        self.kubeconfig = kubeconfig
        self.registry = registry.address
        self.server = server
        self.images = registry
        self._pushed = pushed

    def push(self, image: ScenarioImage) -> None:
        self._pushed.push(f"{self.registry}/{image.name}", image.platforms, index=image.index)
        if image.index:
            self.images.push_index(image.repository, image.tag, image.platforms, attestations=True)
        else:
            self.images.push_image(image.repository, image.tag, image.platforms[0])

    def as_node(self, node: Manifest) -> Manifest:
        return node


@contextlib.asynccontextmanager
async def sandbox_stage(folder: Path, *, kubelets: bool = True) -> AsyncIterator[SandboxStage]:
    """An embedded cluster, running until the block ends. ``folder`` gets the kubeconfig."""
    kubeconfig = folder / "kubeconfig"
    async with contextlib.AsyncExitStack() as stack:
        server = SandboxApiServer(anonymous=True)
        await server.start()
        stack.push_async_callback(server.stop)
        server.write_kubeconfig(kubeconfig)
        registry = SandboxRegistry()
        await registry.start()
        stack.push_async_callback(registry.stop)
        client = await connect(str(kubeconfig))
        stack.push_async_callback(client.close)
        pushed = PushedImages()
        if kubelets:
            running = SandboxKubelets(client, pushed.can_run)
            await running.start()
            stack.push_async_callback(running.stop)
        yield SandboxStage(client, kubeconfig, registry, server, pushed)
