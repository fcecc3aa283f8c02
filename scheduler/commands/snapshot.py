"""A cluster from a list of API objects, as ``kubectl get ... -o json`` prints them or an API server stores them.

Owns which kinds matter to a decision and how they reach the cache. Objects of other kinds are passed over: a snapshot
may hold whatever its maker had at hand. Nothing here talks to a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from scheduler.api.namespace import Namespace
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.policy import PodDisruptionBudget
from scheduler.api.quantity import InvalidQuantity, milli_value
from scheduler.api.storage import StorageObject
from scheduler.api.workloads import Workload
from scheduler.cluster.cache import FINISHED, Cache


class InvalidObject(ValueError):
    """An object that cannot be read. The text names its kind and position, and what is wrong."""


class _TypeMeta(msgspec.Struct):
    kind: str = ""


def make_cache(objects: Iterable[msgspec.Raw], schedulers: Collection[str]) -> Cache:
    """The picture of a cluster that consists of these objects. Raises InvalidObject.

    Nominated pods count if they are of one of these schedulers: no scheduler knows the nominations of another.
    """
    cache = Cache()
    for i, document in enumerate(objects):
        read_object(cache, document, schedulers, f"objects[{i}]")
    return cache


def put_object(cache: Cache, kind: str, document: msgspec.Raw | bytes, schedulers: Collection[str] = ()) -> Pod | None:
    """One object more; a pod that is pending is returned. Raises msgspec.DecodeError, InvalidQuantity."""
    reader = _READERS.get(kind)
    if reader is not None:
        decoder, put = reader
        put(cache, decoder.decode(document))
    elif kind == "Pod":
        return _put_pod(cache, _pod_decoder.decode(document), schedulers)
    return None


def read_object(
    cache: Cache, document: msgspec.Raw, schedulers: Collection[str], where: str, known_kind: str = ""
) -> Pod | None:
    """``put_object`` for an object from somewhere: ``where`` names it in errors. Raises InvalidObject.

    ``known_kind`` saves reading its kind again.
    """
    kind = known_kind
    try:
        kind = known_kind or _type_decoder.decode(document).kind
        return put_object(cache, kind, document, schedulers)
    except msgspec.DecodeError as error:
        raise InvalidObject(f"{where}{f' ({kind})' if kind else ''}: {in_words(error)}") from error
    except InvalidQuantity as error:
        field = odd_quantity(msgspec.json.decode(document))
        raise InvalidObject(f"{where} ({kind}): {f'{field}: ' if field else ''}{error}") from error


def in_words(error: msgspec.DecodeError) -> str:
    """The field first, then what is wrong with it."""
    what, _, path = str(error).partition(" - at ")
    field = path.strip("`").removeprefix("$").removeprefix(".")
    return f"{field}: {what}" if field else what


def odd_quantity(document: Any) -> str:
    """The first field of an object that should hold a quantity and does not; empty if there is none."""
    return next(_odd_quantities(document, ""), "")


def _odd_quantities(value: Any, path: str) -> Iterator[str]:
    for name, item in value.items() if isinstance(value, dict) else ():
        where = f"{path}.{name}" if path else name
        if path.rpartition(".")[2] in _RESOURCE_LISTS or name in _QUANTITIES:
            try:
                milli_value(item)
            except InvalidQuantity:
                yield where
        yield from _odd_quantities(item, where)
    for i, item in enumerate(value if isinstance(value, list) else ()):
        yield from _odd_quantities(item, f"{path}[{i}]")


def _put_pod(cache: Cache, pod: Pod, schedulers: Collection[str]) -> Pod | None:
    """A pod without a node is pending, as the one that is decided is; it counts if it is nominated."""
    if pod.spec.node_name:
        cache.add_pod(pod)
        return None
    if pod.status.phase in FINISHED:
        return None
    if pod.status.nominated_node_name and pod.spec.scheduler_name in schedulers:
        cache.nominate(pod, pod.status.nominated_node_name)
    return pod


def _put_budget(cache: Cache, budget: PodDisruptionBudget) -> None:
    cache.budgets.put(budget)


def _put_storage(cache: Cache, thing: StorageObject) -> None:
    cache.put_storage(thing)


def _put_namespace(cache: Cache, namespace: Namespace) -> None:
    cache.add_namespace(namespace)


def _put_workload(cache: Cache, workload: Workload) -> None:
    cache.add_workload(workload)


def _put_node(cache: Cache, node: Node) -> None:
    cache.add_node(node)


_RESOURCE_LISTS = frozenset({"requests", "limits", "overhead", "allocatable", "capacity", "allocatedResources"})
_QUANTITIES = frozenset({"maximumVolumeSize"})
_pod_decoder = msgspec.json.Decoder(Pod)
_type_decoder = msgspec.json.Decoder(_TypeMeta)
_READERS: Mapping[str, tuple[msgspec.json.Decoder[Any], Callable[[Cache, Any], None]]] = {
    "Node": (msgspec.json.Decoder(Node), _put_node),
    "PodDisruptionBudget": (msgspec.json.Decoder(PodDisruptionBudget), _put_budget),
    **{kind.__name__: (msgspec.json.Decoder(kind), _put_storage) for kind in get_args(StorageObject)},
    **{kind.__name__: (msgspec.json.Decoder(kind), _put_workload) for kind in get_args(Workload)},
    "Namespace": (msgspec.json.Decoder(Namespace), _put_namespace),
}
"""Kind -> how it is read, and where it goes."""
