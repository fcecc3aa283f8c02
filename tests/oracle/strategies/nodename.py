"""Pods that name their node, directly or as a DaemonSet's do, and pods that are held back by gates."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.strategies import nodeaffinity, taints
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part, merged, some

_NODE_NAMES = ("node-0", "node-1", "node-2", "gone")


def _by_field(name: str) -> Part:
    field = {"key": "metadata.name", "operator": "In", "values": [name]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}}


_NAMES = st.sampled_from(_NODE_NAMES)
_DIRECT: st.SearchStrategy[Part] = _NAMES.map(lambda name: {"spec": {"nodeName": name}})
_DAEMON: st.SearchStrategy[Part] = _NAMES.map(_by_field)
_GATED: st.SearchStrategy[Part] = st.sampled_from(
    [
        {"spec": {"schedulingGates": [{"name": "example.com/hold"}]}},
        {"spec": {"schedulingGates": [{"name": "b"}, {"name": "a"}]}},
    ]
)

POD: st.SearchStrategy[Part] = st.one_of(_DIRECT, _DAEMON, st.builds(merged, _DIRECT, _DAEMON), _GATED)

FAMILY = Family(
    "nodename",
    node=st.builds(merged, nodeaffinity.NODE, some(taints.node_taints(), 3)),
    pending=st.builds(merged, POD, some(nodeaffinity.PREFERRED, 3)),
    most_placed=3,
)
