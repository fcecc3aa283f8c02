"""Requests against room: containers, init containers and sidecars, pod-level requests, overhead, resizes, odd units.

Nodes are small, and some lack a resource altogether, so that pods fit barely, not quite, and never.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part, merged, some

_GPU = "example.com/gpu"
_HUGEPAGES = "hugepages-2Mi"

_ROOM: dict[str, tuple[str, ...]] = {
    "cpu": ("500m", "1", "2", "3999m"),
    "memory": ("512Mi", "1Gi", "2000M", "4Gi"),
    "pods": ("1", "3", "110", "110"),
    "ephemeral-storage": ("1Gi", "20G"),
    _GPU: ("1", "2"),
    _HUGEPAGES: ("64Mi", "128Mi"),
}

_WANTED: dict[str, tuple[str, ...]] = {
    "cpu": ("0", "1m", "100m", "0.25", "500m", "1", "1500m"),
    "memory": ("0", "64Mi", "200Mi", "129M", "0.5Gi", "1e9"),
    "ephemeral-storage": ("1Mi", "500Mi", "2Gi"),
    _GPU: ("1", "2"),
    _HUGEPAGES: ("2Mi", "64Mi"),
}

_LIMITED = (_GPU, _HUGEPAGES)
"""Resources whose limit must be their request."""


@st.composite
def node_room(draw: st.DrawFn) -> Part:
    """A node's allocatable resources; it may lack all but cpu, memory and pods."""
    room = {
        name: draw(st.sampled_from(amounts))
        for name, amounts in _ROOM.items()
        if name in ("cpu", "memory", "pods") or draw(st.integers(0, 2)) == 0
    }
    return {"status": {"capacity": room, "allocatable": room}}


@st.composite
def _demands(draw: st.DrawFn) -> Object:
    """The resources of a container."""
    names = draw(st.sampled_from(_DEMANDED))
    requests = {name: draw(st.sampled_from(_WANTED[name])) for name in names}
    limits = {name: amount for name, amount in requests.items() if name in _LIMITED}
    if requests and draw(st.integers(0, 4)) == 0:
        return {"limits": requests}  # the requests are the limits, unless something else is said
    return {**({"requests": requests} if requests else {}), **({"limits": limits} if limits else {})}


_DEMANDED: tuple[tuple[str, ...], ...] = (
    (),
    ("cpu",),
    ("memory",),
    ("cpu", "memory"),
    ("cpu", "memory"),
    ("cpu", "memory", "ephemeral-storage"),
    ("cpu", _GPU),
    ("memory", _HUGEPAGES),
)


@st.composite
def _containers(draw: st.DrawFn) -> Part:
    spec: Object = {"containers": [{"name": "main", "resources": draw(_demands())}]}
    if draw(st.integers(0, 3)) == 0:
        spec["containers"].append({"name": "second", "image": "busybox:1", "resources": draw(_demands())})
    inits = draw(st.lists(st.sampled_from(["once", "sidecar"]), max_size=3)) if draw(st.integers(0, 2)) == 0 else []
    for number, kind in enumerate(inits):
        container: Object = {"name": f"init-{number}", "image": "busybox:1", "resources": draw(_demands())}
        if kind == "sidecar":
            container["restartPolicy"] = "Always"
        spec.setdefault("initContainers", []).append(container)
    return {"spec": spec}


@st.composite
def _pod_level(draw: st.DrawFn) -> Part:
    """Requests of the whole pod, which are not below those of its containers."""
    container = draw(st.sampled_from([{}, {"cpu": "100m"}, {"cpu": "100m", "memory": "64Mi"}]))
    whole = draw(
        st.sampled_from(
            [
                {"cpu": "500m"},
                {"cpu": "1", "memory": "600Mi"},
                {"memory": "1Gi"},
                {"cpu": "100m", "memory": "64Mi"},
                {"cpu": "500m", "memory": "256Mi", _HUGEPAGES: "64Mi"},
            ]
        )
    )
    limits = {name: amount for name, amount in whole.items() if name in _LIMITED}
    resources: Object = {"requests": whole, **({"limits": limits} if limits else {})}
    containers = [{"name": "main", "resources": {"requests": container}}]
    return {"spec": {"resources": resources, "containers": containers}}


_OVERHEAD: st.SearchStrategy[Part] = st.sampled_from(
    [
        {"spec": {"runtimeClassName": "kata", "overhead": {"cpu": "250m"}}},
        {"spec": {"runtimeClassName": "kata", "overhead": {"memory": "120Mi"}}},
        {"spec": {"runtimeClassName": "kata", "overhead": {"cpu": "250m", "memory": "120Mi"}}},
    ]
)


@st.composite
def _resizes(draw: st.DrawFn) -> Part:
    """What the kubelet tells of a pod whose resources were changed while it runs."""
    amounts = st.sampled_from([{"cpu": "100m"}, {"cpu": "1", "memory": "256Mi"}, {"cpu": "700m"}, {"memory": "1Gi"}])
    container: Object = {"name": "main", "ready": True, "restartCount": 0, "image": "busybox:1", "imageID": ""}
    if draw(st.booleans()):
        container["allocatedResources"] = draw(amounts)
    if draw(st.booleans()):
        container["resources"] = {"requests": draw(amounts)}
    status: Object = {"containerStatuses": [container]}
    reason = draw(st.sampled_from([None, "Infeasible", "Deferred"]))
    if reason:
        status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": reason}]
    if draw(st.integers(0, 3)) == 0:
        status["allocatedResources"] = draw(amounts)
        status["resources"] = {"requests": draw(amounts)}
    return {"status": status}


POD: st.SearchStrategy[Part] = st.builds(
    merged, st.one_of(_containers(), _containers(), _pod_level()), some(_OVERHEAD, 4)
)

FAMILY = Family(
    "resources",
    node=node_room(),
    placed=st.builds(merged, POD, some(_resizes(), 3)),
    pending=POD,
    most_nodes=5,
    most_placed=6,
)
