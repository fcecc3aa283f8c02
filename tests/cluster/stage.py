"""The stage of a real control plane: kube-apiserver, kwok's kubelets, and images that regctl pushes to a registry."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scheduler.kube.connection import connect
from tests.cluster.images import ImagePlatform
from tests.cluster.nodes import KWOK_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scheduler.images.platform import Platform
    from scheduler.kube.requests import ApiClient
    from scheduler.sandbox.scenario import ScenarioImage
    from scheduler.sandbox.stage import Manifest
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher


class RealStage:
    """A `scheduler.sandbox.stage.Stage`."""

    def __init__(self, client: ApiClient, kubeconfig: Path, publisher: Publisher) -> None:
        self.client = client
        self.kubeconfig = kubeconfig
        self.registry = publisher.registry.address
        self._publisher = publisher

    def push(self, image: ScenarioImage) -> None:
        platforms = [_as_published(platform) for platform in image.platforms]
        if image.index:
            self._publisher.push_index(image.name, *platforms, attestations=True)
        else:
            self._publisher.push_image(image.name, platforms[0])

    def as_node(self, node: Manifest) -> Manifest:
        metadata = dict(node["metadata"])
        metadata["annotations"] = {**metadata.get("annotations", {}), **dict([KWOK_ANNOTATION])}
        return {**node, "metadata": metadata}

    async def clear(self) -> None:
        """No pods or events in the default namespace and no nodes, as before the scenario."""
        await self.client.delete("/api/v1/namespaces/default/pods", b'{"gracePeriodSeconds": 0}')
        await self.client.delete("/apis/events.k8s.io/v1/namespaces/default/events")
        await self.client.delete("/api/v1/nodes")


@contextlib.asynccontextmanager
async def real_stage(control_plane: ControlPlane, publisher: Publisher) -> AsyncIterator[RealStage]:
    """A stage on servers that run already."""
    client = await connect(str(control_plane.kubeconfig))
    try:
        yield RealStage(client, control_plane.kubeconfig, publisher)
    finally:
        await client.close()


def _as_published(platform: Platform) -> ImagePlatform:
    return ImagePlatform(platform.os, platform.architecture, platform.variant, platform.os_version)
