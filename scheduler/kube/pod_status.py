"""The condition PodScheduled=False of a pod that found no node, and the pod's nomination.

Owns the patches of ``pods/status``; a nomination goes along with a condition where both change. The condition is the
reliable place for the current reason (reference: kube-scheduler, 4.5 and 9.2): unlike an event it is neither cut nor
merged with an earlier one. PodScheduled=True is written by the API server when the pod is bound, and the nomination is
taken away then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler.kube.errors import Invalid, NotFound
from scheduler.kube.retrying import retrying
from scheduler.kube.timestamps import rfc3339

if TYPE_CHECKING:
    from scheduler.api.pod import Pod, PodCondition
    from scheduler.kube.requests import ApiClient

_TYPE = "PodScheduled"


class _Condition(msgspec.Struct, rename="camel"):
    type: str
    status: str
    reason: str
    message: str
    observed_generation: int | msgspec.UnsetType = msgspec.UNSET
    last_transition_time: str | msgspec.UnsetType = msgspec.UNSET


class _Status(msgspec.Struct, rename="camel"):
    conditions: list[_Condition]
    nominated_node_name: str | msgspec.UnsetType | None = msgspec.UNSET
    """None takes it away."""


async def patch_unschedulable(
    client: ApiClient, pod: Pod, reason: str, message: str, now: float, nominated: str | None = None
) -> bool:
    """Write the condition; False when there was nothing to write (it says so already, or the pod is gone).

    ``nominated`` is the node to which the pod is nominated from now on, empty for none; None leaves that as it is.

    ``reason`` is ``Unschedulable`` or ``SchedulerError``, ``now`` the time in seconds since 1970. ``pod`` should be as
    fresh as the watch has it, since what it says already is not sent again. Raises ApiError, after some attempts if it
    is a transient one.
    """
    current = next((condition for condition in pod.status.conditions if condition.type == _TYPE), None)
    is_nominated_so = nominated is None or nominated == pod.status.nominated_node_name
    if current is not None and _says(current, reason, message) and is_nominated_so:
        return False
    status = _Status([_condition(pod, current, reason, message, now)])
    if not is_nominated_so:
        status.nominated_node_name = nominated or None
    return await patch_status(client, pod, status)


async def patch_nomination(client: ApiClient, pod: Pod, node: str) -> bool:
    """Nominate the pod to the node, or to none if that is empty; False when the pod is gone. Raises ApiError."""
    return await patch_status(client, pod, {"nominatedNodeName": node or None})


async def patch_status(client: ApiClient, pod: Pod, status: object) -> bool:
    """Merge ``status`` into the pod's; False when it is gone. Raises ApiError."""
    body = msgspec.json.encode({"metadata": {"uid": pod.metadata.uid}, "status": status})
    path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}/status"
    try:
        await retrying(lambda: client.patch(path, body))
    except NotFound:
        return False
    except Invalid as error:
        # How the API server words it that a new pod has taken the name. That one is not ours to judge.
        if "metadata.uid" in error.message:
            return False
        raise
    return True


def _says(current: PodCondition, reason: str, message: str) -> bool:
    """A difference in observedGeneration alone is none."""
    return current.status == "False" and current.reason == reason and current.message == message


def _condition(pod: Pod, current: PodCondition | None, reason: str, message: str, now: float) -> _Condition:
    condition = _Condition(_TYPE, "False", reason, message)
    if pod.metadata.generation:
        condition.observed_generation = pod.metadata.generation
    if current is None or current.status != "False":
        # Left out otherwise: the merge keeps the time at which the status became False.
        condition.last_transition_time = rfc3339(now)
    return condition
