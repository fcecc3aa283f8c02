"""A picture of a live cluster, taken once: every kind that matters to a decision is listed, page by page.

Owns which kinds are listed where, and what happens when one may not be: nodes and pods are needed, of the rest it is
told that it was not seen. Nothing is watched and nothing is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.commands.snapshot import InvalidObject, read_object
from scheduler.kube.errors import ApiError, MalformedAnswer
from scheduler.kube.requests import ApiClient

PAGE = 500
"""Objects per request."""

_STORAGE = "/apis/storage.k8s.io/v1"
KINDS: dict[str, str] = {
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/pods",
    "Namespace": "/api/v1/namespaces",
    "Service": "/api/v1/services",
    "ReplicationController": "/api/v1/replicationcontrollers",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "PodDisruptionBudget": "/apis/policy/v1/poddisruptionbudgets",
    "PersistentVolumeClaim": "/api/v1/persistentvolumeclaims",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "StorageClass": f"{_STORAGE}/storageclasses",
    "CSINode": f"{_STORAGE}/csinodes",
    "CSIDriver": f"{_STORAGE}/csidrivers",
    "CSIStorageCapacity": f"{_STORAGE}/csistoragecapacities",
    "VolumeAttachment": f"{_STORAGE}/volumeattachments",
}
_NEEDED = frozenset({"Node", "Pod"})

Progress = Callable[[str, int], None]
"""Told the kind, and how many objects of it have been read."""


@dataclass(slots=True)
class LiveCluster:
    """``pods``: all that are not finished, by namespace/name. ``unseen``: sentences about what could not be read."""

    cache: Cache = field(default_factory=Cache)
    pods: dict[str, Pod] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)


async def read_cluster(
    client: ApiClient, schedulers: frozenset[str], progress: Progress = lambda kind, count: None
) -> LiveCluster:
    """Everything as of now. Raises ApiError when nodes or pods cannot be listed.

    Nominated pods count if they are of one of these schedulers.
    """
    cluster = LiveCluster()
    for kind, path in KINDS.items():
        count = 0
        try:
            async for document in list_objects(client, path):
                _take(cluster, kind, document, schedulers, f"{kind} {count}")
                count += 1
                progress(kind, count)
        except ApiError as error:
            if kind in _NEEDED:
                raise
            cluster.unseen.append(f"{path.rpartition('/')[2]} were not seen: {error}")
    return cluster


async def list_objects(client: ApiClient, path: str) -> AsyncIterator[msgspec.Raw]:
    """All objects of one kind, as JSON. Raises ApiError."""
    query: dict[str, str | int] = {"limit": PAGE}
    while True:
        body = await client.request("GET", path, query=query)
        try:
            page = _page_decoder.decode(body)
        except msgspec.DecodeError as error:
            raise MalformedAnswer(f"GET {path}: {error}") from error
        for item in page.items or ():
            yield item
        if not page.metadata.continue_:
            return
        query["continue"] = page.metadata.continue_


def _take(cluster: LiveCluster, kind: str, document: msgspec.Raw, schedulers: frozenset[str], where: str) -> None:
    try:
        read_object(cluster.cache, document, schedulers, where, kind)
        if kind == "Pod":
            pod = _pod_decoder.decode(document)
            cluster.pods[pod.key] = pod
    except InvalidObject as error:
        cluster.unseen.append(f"one of the objects could not be read: {error}")


class _ListMeta(msgspec.Struct):
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[msgspec.Raw] | None = None


_page_decoder = msgspec.json.Decoder(_Page)
_pod_decoder = msgspec.json.Decoder(Pod)
