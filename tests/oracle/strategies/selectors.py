"""Label selectors of pods, node selectors, and the workloads' labels that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies.vocabulary import HOSTNAME, RACK, ZONE, ZONES

_POD_REQUIREMENTS: tuple[Object, ...] = (
    {"key": "app", "operator": "In", "values": ["web", "db"]},
    {"key": "app", "operator": "NotIn", "values": ["db"]},
    {"key": "version", "operator": "Exists"},
    {"key": "track", "operator": "DoesNotExist"},
    {"key": "version", "operator": "In", "values": ["v2"]},
)

_POD_SELECTORS: tuple[Object, ...] = (
    {},
    {"matchLabels": {"app": "web"}},
    {"matchLabels": {"app": "web"}},
    {"matchLabels": {"app": "db"}},
    {"matchLabels": {"app": "cache", "version": "v1"}},
    {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "version", "operator": "In", "values": ["v1"]}]},
    *({"matchExpressions": [requirement]} for requirement in _POD_REQUIREMENTS),
)

LABEL_SELECTORS: st.SearchStrategy[Object] = st.sampled_from(_POD_SELECTORS)
"""Selectors of pods, the empty one among them."""


def keys_of(selector: Object) -> set[str]:
    """The label keys that a selector speaks of."""
    return {*selector.get("matchLabels", {}), *(each["key"] for each in selector.get("matchExpressions", []))}


NODE_LABELS: tuple[dict[str, str], ...] = (
    {"disk": "ssd", "gen": "1"},
    {"disk": "hdd", "gen": "2"},
    {"disk": "ssd", "gen": "10"},
    {"gen": "007"},
    {"gen": "1.5"},
    {"disk": "nvme", "gen": "x7"},
    {},
)
"""Labels of nodes that only node affinity looks at: `gen` is a number, nearly a number, or none."""

_NUMBERS = ("1", "2", "7", "007")


@st.composite
def node_requirements(draw: st.DrawFn, numbers: tuple[str, ...] = _NUMBERS) -> Object:
    """A requirement on the labels of a node."""
    operator = draw(st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]))
    if operator in ("Gt", "Lt"):
        return {"key": "gen", "operator": operator, "values": [draw(st.sampled_from(numbers))]}
    key, values = draw(
        st.sampled_from(
            [
                ("disk", ["ssd", "hdd"]),
                ("disk", ["nvme"]),
                ("gen", ["2", "10", "007"]),
                (ZONE, list(ZONES[:2])),
                (RACK, ["k1"]),
                ("kubernetes.io/arch", ["arm64"]),
                (HOSTNAME, ["node-0", "node-1", "node-2"]),
                ("absent", ["a"]),
            ]
        )
    )
    return {"key": key, "operator": operator, **({"values": values} if operator in ("In", "NotIn") else {})}


_UNNAMED = (None, None, None, "In", "NotIn")


@st.composite
def node_terms(
    draw: st.DrawFn, numbers: tuple[str, ...] = _NUMBERS, fields: tuple[str | None, ...] = _UNNAMED
) -> Object:
    """A node selector term: expressions, fields, both or, now and then, neither."""
    expressions = draw(st.lists(node_requirements(numbers), max_size=2))
    field = draw(st.sampled_from(fields))
    term: Object = {"matchExpressions": expressions} if expressions else {}
    if field:
        name = draw(st.sampled_from(["node-0", "node-1", "node-2", "node-9"]))
        term["matchFields"] = [{"key": "metadata.name", "operator": field, "values": [name]}]
    return term
