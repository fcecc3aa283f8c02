"""The plain objects of a cluster: namespaces, nodes with room, pods without wishes, as an API server would accept them.

Pods carry what admission adds: the priority of their class and the two tolerations that every pod gets.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies.parts import Part, merged
from tests.oracle.strategies.vocabulary import (
    HOSTNAME,
    NAMESPACES,
    NODE_SIZES,
    NOW,
    PLACES,
    POD_LABELS,
    PRIORITY_CLASSES,
    REQUESTS,
)

_DEFAULT_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{trouble}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for trouble in ("not-ready", "unreachable")
]


def uid(number: int) -> str:
    """A UID that tells its number."""
    return f"00000000-0000-4000-8000-{number:012d}"


def namespaces() -> list[Object]:
    """The namespaces that pods live in."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}
        for name, labels in NAMESPACES.items()
    ]


def priority_classes() -> list[Object]:
    """The classes that `priority` refers to."""
    return [
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, **settings}
        for name, settings in PRIORITY_CLASSES.items()
    ]


@st.composite
def nodes(draw: st.DrawFn, number: int) -> Object:
    """A node with room, in some place."""
    name = draw(st.sampled_from([f"node-{number}", f"node-{number}", f"ip-10-0-0-{number}.example.internal"]))
    hostname = draw(st.sampled_from([{HOSTNAME: name}] * 7 + [{}]))
    size = draw(st.sampled_from(NODE_SIZES))
    labels = {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": draw(st.sampled_from(["amd64", "arm64"])),
        **hostname,
        **draw(st.sampled_from(PLACES)),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": uid(100 + number), "labels": labels},
        "spec": {},
        "status": {
            "capacity": dict(size),
            "allocatable": dict(size),
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"operatingSystem": "linux", "architecture": labels["kubernetes.io/arch"]},
        },
    }


@st.composite
def pods(draw: st.DrawFn, name: str, number: int, part: Part) -> Object:
    """A pod that is nowhere yet, with the fields of `part`."""
    container: Object = {"name": "main", "image": "busybox:1"}
    if not any("resources" in own for own in part.get("spec", {}).get("containers", [])):
        container["resources"] = {"requests": draw(st.sampled_from(REQUESTS))}
    plain = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": draw(st.sampled_from([*NAMESPACES, "default"])),
            "uid": uid(1000 + number),
            "labels": draw(st.sampled_from(POD_LABELS)),
        },
        "spec": {
            "containers": [container],
            "tolerations": _DEFAULT_TOLERATIONS,
            "priority": 0,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {"phase": "Pending"},
    }
    return merged(plain, part)


def placement(node: str, rank: int) -> Part:
    """What a pod has that runs on `node`, where `rank` others started before it.

    So pods of a node never started together, where chance would decide which of them is evicted, but those of different
    nodes often did, which is when chance decides between the nodes.
    """
    started = f"2026-01-{1 + rank:02}T00:00:00Z"
    return {"spec": {"nodeName": node}, "status": {"phase": "Running", "startTime": started}}


CROWD: st.SearchStrategy[Part] = st.sampled_from(
    [{"metadata": {"namespace": "default", "labels": {"app": "web"}}}] * 2
    + [{"metadata": {"namespace": "default"}}, {}]
)
"""Pods that are much alike, for the rules that count pods."""


def priority(name: str | None) -> Part:
    """The fields of a pod of that priority class; of none, priority 0."""
    if name is None:
        return {}
    settings = PRIORITY_CLASSES[name]
    return {
        "spec": {
            "priorityClassName": name,
            "priority": settings["value"],
            "preemptionPolicy": settings.get("preemptionPolicy", "PreemptLowerPriority"),
        }
    }


def terminating(reason: str | None = None) -> Part:
    """The fields of a pod that is being deleted, by a preemption or by someone."""
    condition: Object = {"type": "DisruptionTarget", "status": "True", "reason": reason}
    return {
        "metadata": {"deletionTimestamp": NOW, "deletionGracePeriodSeconds": 30},
        **({"status": {"conditions": [condition]}} if reason else {}),
    }
