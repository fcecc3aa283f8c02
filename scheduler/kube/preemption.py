"""The writes of a preemption: a victim is told why, then deleted.

Owns the requests (reference: kube-scheduler, section 7; upstream: ``framework/preemption/executor.go``). Their order,
and what a failure means, is the business of ``loops.preempting``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler.kube.errors import Conflict, NotFound
from scheduler.kube.pod_status import patch_status
from scheduler.kube.retrying import retrying
from scheduler.kube.timestamps import rfc3339

if TYPE_CHECKING:
    from scheduler.api.pod import Pod
    from scheduler.kube.requests import ApiClient

CONDITION = "DisruptionTarget"
REASON = "PreemptionByScheduler"


async def evict_for_preemption(client: ApiClient, pod: Pod, message: str, now: float) -> bool:
    """Write the condition that says why, then delete the pod; False when it is gone already.

    ``now`` is the time in seconds since 1970. A new pod that has taken the name is left alone. Raises ApiError.
    """
    condition: dict[str, object] = {
        "type": CONDITION,
        "status": "True",
        "reason": REASON,
        "message": message,
        "lastTransitionTime": rfc3339(now),
    }
    if pod.metadata.generation:
        condition["observedGeneration"] = pod.metadata.generation
    if not await patch_status(client, pod, {"conditions": [condition]}):
        return False
    body = msgspec.json.encode({"preconditions": {"uid": pod.metadata.uid}})
    path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"
    try:
        await retrying(lambda: client.delete(path, body))
    except (NotFound, Conflict):
        return False
    return True
