"""What users are told about pods, in a form that two schedulers can be compared by.

Names that must differ (the scheduler's, the namespace's, uids) are replaced by what they stand for; times are left out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cluster.kube_client import KubeClient, Object

CONDITIONS = ("PodScheduled", "DisruptionTarget")
"""Those that a scheduler writes."""

Told = dict[str, Any]


async def told_about(kube: KubeClient, namespace: str, scheduler: str) -> Told:
    """By name of each pod of the namespace: its conditions, where it is nominated to, and its events.

    Pods that are gone are told of by their events. Those of one reason are in order; reasons are written side by side.
    """
    pods = {pod["metadata"]["name"]: pod for pod in await kube.list("Pod", namespace)}
    events = await kube.list("Event", namespace, "events.k8s.io/v1")
    by_scheduler = [event for event in events if event["reportingController"] == scheduler]
    by_scheduler.sort(key=lambda event: (event["reason"], event["eventTime"]))
    names = pods.keys() | {event["regarding"]["name"] for event in by_scheduler}
    told = {
        name: {
            **(_status(pods[name]) if name in pods else {}),
            "events": [_event(event) for event in by_scheduler if event["regarding"]["name"] == name],
        }
        for name in sorted(names)
    }
    return _with_names(told, namespace, scheduler)


def _status(pod: Object) -> Told:
    status = pod["status"]
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    return {
        "conditions": [
            {key: value for key, value in conditions[name].items() if key != "lastTransitionTime"}
            for name in CONDITIONS
            if name in conditions
        ],
        "nominatedNodeName": status.get("nominatedNodeName"),
    }


def _event(event: Object) -> Told:
    left_out = ("metadata", "eventTime", "deprecatedSource")
    told = {key: value for key, value in event.items() if key not in left_out}
    told["named after"] = event["metadata"]["name"].rpartition(".")[0]
    told["regarding"] = {**event["regarding"], "resourceVersion": "resourceVersion" in event["regarding"]}
    if "series" in event:
        told["series"] = event["series"]["count"]
    return told


def _with_names(told: Told, namespace: str, scheduler: str) -> Told:
    text = json.dumps(told).replace(namespace, "NAMESPACE").replace(scheduler, "SCHEDULER")
    uids = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text)
    for number, uid in enumerate(dict.fromkeys(uids)):
        text = text.replace(uid, f"UID-{number}")
    named: Told = json.loads(text)
    return named
