"""Taints and tolerations: few keys, values and effects, so that they meet and nearly meet."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part

_KEYS = ("dedicated", "example.com/slow", "node.kubernetes.io/not-ready")
_VALUES = ("", "a", "b")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@st.composite
def _taint(draw: st.DrawFn) -> Part:
    value = draw(st.sampled_from(_VALUES))
    return {
        "key": draw(st.sampled_from(_KEYS)),
        **({"value": value} if value else {}),
        "effect": draw(st.sampled_from(_EFFECTS)),
    }


@st.composite
def node_taints(draw: st.DrawFn) -> Part:
    """A node with up to three taints, of which no two have the same key and effect."""
    taints = draw(st.lists(_taint(), max_size=3, unique_by=lambda taint: (taint["key"], taint["effect"])))
    return {"spec": {"taints": taints}} if taints else {}


@st.composite
def _toleration(draw: st.DrawFn) -> Part:
    key = draw(st.sampled_from([*_KEYS, ""]))
    operator = draw(st.sampled_from(["Exists", "Equal", ""])) if key else "Exists"
    effect = draw(st.sampled_from([*_EFFECTS, ""]))
    value = draw(st.sampled_from(_VALUES)) if operator != "Exists" else ""
    toleration: Part = {"key": key, "operator": operator, "value": value, "effect": effect}
    if effect == "NoExecute" and draw(st.booleans()):
        toleration["tolerationSeconds"] = 60
    return {field: setting for field, setting in toleration.items() if setting}


@st.composite
def pod_tolerations(draw: st.DrawFn) -> Part:
    """A pod with up to three tolerations."""
    return {"spec": {"tolerations": draw(st.lists(_toleration(), max_size=3))}}


FAMILY = Family("taints", node=node_taints(), pending=pod_tolerations(), most_placed=4)
