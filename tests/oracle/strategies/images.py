"""Images that some nodes have: of all sizes, under names with and without tag, and pods that run or mount them.

An image has one size in the whole cluster: the scheduler takes the size from whichever node it saw first.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part

_MIB = 2**20

_IMAGES: dict[str, int] = {
    "registry.example/app:1": 900 * _MIB,
    "registry.example:5000/app:latest": 60 * _MIB,
    "busybox:latest": 23 * _MIB,
    "busybox:1": 24 * _MIB,
    "registry.example/model@sha256:" + "a" * 64: 3000 * _MIB + 1,
    "redis:7": 40 * _MIB + 12345,
}

_WRITTEN = (*_IMAGES, "busybox", "registry.example:5000/app", "nobody/has:this")


@st.composite
def node_images(draw: st.DrawFn) -> Part:
    """A node that has some of the images, some of them under two names."""
    names = draw(st.lists(st.sampled_from(sorted(_IMAGES)), max_size=4, unique=True))
    twice = draw(st.booleans())
    images: list[Object] = [{"names": [name], "sizeBytes": _IMAGES[name]} for name in names]
    if images and twice:
        images[0]["names"] = [*names[:1], "registry.example/app@sha256:" + "b" * 64]
    return {"status": {"images": images}} if images else {}


@st.composite
def pod_images(draw: st.DrawFn) -> Part:
    """A pod that needs one to four images."""
    written = st.sampled_from(_WRITTEN)
    spec: Object = {"containers": [{"name": "main", "image": draw(written)}]}
    more = draw(st.lists(st.sampled_from(["container", "init", "volume"]), max_size=3))
    for number, kind in enumerate(more):
        image = draw(written)
        if kind == "volume":
            spec.setdefault("volumes", []).append({"name": f"image-{number}", "image": {"reference": image}})
        else:
            place = "containers" if kind == "container" else "initContainers"
            spec.setdefault(place, []).append({"name": f"{kind}-{number}", "image": image})
    return {"spec": spec}


FAMILY = Family("images", node=node_images(), pending=pod_images(), most_nodes=7, most_placed=4)
