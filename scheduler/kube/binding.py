"""Binding a pod to its node, so that the outcome is certain.

Owns the Binding request and the settling of doubt: after a timeout, a cut connection or a 5xx the binding may have
happened, and only reading the pod tells. ``bind`` therefore does not come back before it knows (reference:
kube-scheduler, DefaultBinder; unlike it, a 409 of a pod that sits on our node already is a success). The caller in
``loops.binding`` forgets or keeps the assumed pod accordingly.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import random
from typing import TYPE_CHECKING

import msgspec

from scheduler.api.meta import ObjectMeta, WireStruct
from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import ApiError, Conflict, NotFound, TooManyRequests, Unreachable, explain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scheduler.kube.requests import ApiClient


class BindResult(enum.StrEnum):
    BOUND = "bound"
    """The pod is on the node, by this request or an earlier one."""

    GONE = "gone"
    """The pod was deleted, is being deleted, or has another UID now."""

    CONFLICT = "conflict"
    """The pod is on another node."""

    FAILED = "failed"
    """The pod is where it was: waiting. ``message`` says why."""


class BindOutcome(msgspec.Struct, frozen=True):
    result: BindResult
    message: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class BindSettings:
    """How often and how fast. Times in seconds; the defaults are those of kube-scheduler's DefaultBinder."""

    attempts: int = 4
    first_delay: float = 0.01
    factor: float = 5.0
    jitter: float = 0.1

    longest_delay: float = 5.0
    """Between two readings of a pod whose binding is in doubt."""


class _Metadata(msgspec.Struct):
    namespace: str
    name: str
    uid: str


class _Target(msgspec.Struct):
    name: str
    kind: str = "Node"


class _Binding(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    target: _Target
    kind: str = "Binding"
    api_version: str = "v1"


class _PlacementSpec(WireStruct):
    node_name: str = ""


class _Placement(WireStruct):
    """Of a pod, what tells whether it was bound."""

    metadata: ObjectMeta
    spec: _PlacementSpec = msgspec.field(default_factory=_PlacementSpec)


_encoder = msgspec.json.Encoder()
_BOUND = BindOutcome(BindResult.BOUND)


async def bind(
    client: ApiClient,
    namespace: str,
    name: str,
    uid: str,
    node: str,
    *,
    settings: BindSettings | None = None,
    draw: Callable[[], float] = random.random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> BindOutcome:
    """Bind the pod; raises nothing but CancelledError.

    While the outcome is in doubt and the API server cannot be asked, this waits: the caller must bound how many binds
    are under way, and may cancel them at its end.
    """
    settings = settings or BindSettings()
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    body = _encoder.encode(_Binding(_Metadata(namespace, name, uid), _Target(node)))
    backoff = Backoff(settings.first_delay, settings.factor, settings.longest_delay, settings.jitter, draw)
    failure = ""
    for attempt in range(settings.attempts):
        try:
            await client.post(f"{path}/binding", body)
        except NotFound as error:
            return BindOutcome(BindResult.GONE, error.message)
        except ApiError as error:
            failure = error.message if error.status else explain(error, client.server)
            delay = max(backoff.next(), error.retry_after or 0.0)
            if _in_doubt(error):
                doubt = Backoff(settings.first_delay, settings.factor, settings.longest_delay, settings.jitter, draw)
                settled = await _settle(client, path, uid, node, doubt, sleep)
                if settled is not None:
                    return settled
            if not error.transient or attempt + 1 == settings.attempts:
                break
            await sleep(delay)
        else:
            return _BOUND
    return BindOutcome(BindResult.FAILED, failure)


def _in_doubt(error: ApiError) -> bool:
    """Whether the pod must be read to know. A Conflict is certain, but not what it means."""
    if isinstance(error, Unreachable):
        return error.sent
    return isinstance(error, Conflict) or (error.transient and not isinstance(error, TooManyRequests))


async def _settle(
    client: ApiClient, path: str, uid: str, node: str, backoff: Backoff, sleep: Callable[[float], Awaitable[None]]
) -> BindOutcome | None:
    """What the API server has; None when the pod is still waiting for a node."""
    while True:
        try:
            pod = await client.get(path, _Placement)
        except NotFound as error:
            return BindOutcome(BindResult.GONE, error.message)
        except ApiError as error:
            if not error.transient:
                return BindOutcome(BindResult.FAILED, f"the outcome is unknown: {explain(error, client.server)}")
            await sleep(max(backoff.next(), error.retry_after or 0.0))
        else:
            return _outcome(pod, uid, node)


def _outcome(pod: _Placement, uid: str, node: str) -> BindOutcome | None:
    if pod.metadata.uid != uid:
        return BindOutcome(BindResult.GONE, "a new pod has taken its name")
    if pod.spec.node_name == node:
        return _BOUND
    if pod.spec.node_name:
        return BindOutcome(BindResult.CONFLICT, f"the pod is already assigned to node {pod.spec.node_name}")
    if pod.metadata.deletion_timestamp is not None:
        return BindOutcome(BindResult.GONE, "the pod is being deleted")
    return None
