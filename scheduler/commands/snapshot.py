"""A cluster from a list of API objects, as ``kubectl get ... -o json`` prints them or an API server stores them.

Owns which kinds matter to a decision and how they reach the cache. Objects of other kinds are passed over: a snapshot
may hold whatever its maker had at hand. Nothing here talks to a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.cache import Cache


class InvalidObject(ValueError):
    """An object that cannot be read. The text names its kind and position, and what is wrong."""


class _TypeMeta(msgspec.Struct):
    kind: str = ""


def make_cache(objects: Iterable[msgspec.Raw]) -> Cache:
    """The picture of a cluster that consists of these objects. Raises InvalidObject."""
    cache = Cache()
    for i, document in enumerate(objects):
        kind = ""
        try:
            kind = _type_decoder.decode(document).kind
            reader = _READERS.get(kind)
            if reader is not None:
                decoder, put = reader
                put(cache, decoder.decode(document))
        except (msgspec.DecodeError, InvalidQuantity) as error:
            raise InvalidObject(f"objects[{i}]{f' ({kind})' if kind else ''}: {error}") from error
    return cache


def _put_pod(cache: Cache, pod: Pod) -> None:
    """A pod without a node is pending, as the one that is decided is, and takes nothing."""
    if pod.spec.node_name:
        cache.add_pod(pod)


def _put_node(cache: Cache, node: Node) -> None:
    cache.add_node(node)


_type_decoder = msgspec.json.Decoder(_TypeMeta)
_READERS: Mapping[str, tuple[msgspec.json.Decoder[Any], Callable[[Cache, Any], None]]] = {
    "Node": (msgspec.json.Decoder(Node), _put_node),
    "Pod": (msgspec.json.Decoder(Pod), _put_pod),
}
"""Kind -> how it is read, and where it goes."""
