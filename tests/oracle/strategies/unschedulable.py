"""Cordoned nodes, with and without the taint that the node controller gives them, and pods that bear it or not."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.strategies import taints
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part, merged, some

_KEY = "node.kubernetes.io/unschedulable"

NODE: st.SearchStrategy[Part] = st.sampled_from(
    [
        {},
        {"spec": {"unschedulable": True}},
        {"spec": {"unschedulable": True, "taints": [{"key": _KEY, "effect": "NoSchedule"}]}},
        {"spec": {"taints": [{"key": _KEY, "effect": "NoSchedule"}]}},
    ]
)

POD: st.SearchStrategy[Part] = st.sampled_from(
    [
        {},
        {"key": _KEY, "operator": "Exists"},
        {"key": _KEY, "operator": "Exists", "effect": "NoSchedule"},
        {"key": _KEY, "operator": "Exists", "effect": "NoExecute"},
        {"key": _KEY, "operator": "Equal", "effect": "NoSchedule"},
        {"key": _KEY, "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoSchedule"},
        {"operator": "Exists"},
    ]
).map(lambda toleration: {"spec": {"tolerations": [toleration]}} if toleration else {})

FAMILY = Family(
    "unschedulable",
    node=st.builds(merged, NODE, some(taints.node_taints())),
    pending=st.builds(merged, POD, some(taints.pod_tolerations())),
    most_placed=3,
)
