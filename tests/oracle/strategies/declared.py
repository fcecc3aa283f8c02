"""Features that nodes declare, and pods that need one."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.strategies import nodeaffinity
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part, merged, some

_FEATURES = (
    "RestartAllContainersOnContainerExits",
    "UserNamespacesHostNetworkSupport",
    "VolumeBindMountOptions",
    "SomethingElse",
)

NODE: st.SearchStrategy[Part] = st.lists(st.sampled_from(_FEATURES), max_size=3, unique=True).map(
    lambda features: {"status": {"declaredFeatures": sorted(features)}} if features else {}
)


def _restarting(place: str, action: str) -> Part:
    container = {
        "name": "main" if place == "containers" else "init",
        "image": "busybox:1",
        "restartPolicy": "Never",
        "restartPolicyRules": [{"action": action, "exitCodes": {"operator": "In", "values": [42]}}],
    }
    return {"spec": {"restartPolicy": "Never", place: [container]}}


POD: st.SearchStrategy[Part] = st.sampled_from(
    [
        {},
        _restarting("containers", "RestartAllContainers"),
        _restarting("initContainers", "RestartAllContainers"),
        _restarting("containers", "Restart"),
    ]
)

FAMILY = Family("declared", node=NODE, pending=st.builds(merged, POD, some(nodeaffinity.REQUIRED, 4)), most_placed=3)
