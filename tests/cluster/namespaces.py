"""Namespaces that take pods, and are empty again when their block ends."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING

from tests.cluster.kube_client import ApiFailure, KubeClient, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def fresh_namespace(kube: KubeClient) -> AsyncIterator[str]:
    """A namespace of its own; when the block ends its pods are gone, and the rest is about to go."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    await kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    async def default_account() -> bool:
        return bool(await kube.list("ServiceAccount", name, fieldSelector="metadata.name=default"))

    await eventually(f"a default ServiceAccount in {name}", default_account)
    try:
        yield name
    finally:
        await kube.delete("Namespace", name)
        await _delete_pods(kube, name)


async def _delete_pods(kube: KubeClient, namespace: str) -> None:
    """Delete all pods at once and wait; the namespace is on its way out, so nobody makes new ones."""
    path = await kube.path("v1", "Pod", namespace)

    async def none_left() -> bool:
        try:
            await kube.request("DELETE", path, gracePeriodSeconds="0")
        except ApiFailure as failure:
            if failure.status != 409:
                raise
        return not await kube.list("Pod", namespace)

    await eventually(f"no pods in {namespace}", none_left)
