"""Topology spread constraints of all kinds, on nodes that lack the label, are tainted, or are not wanted anyway."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies import nodeaffinity, objects, taints
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part, merged, some
from tests.oracle.strategies.selectors import LABEL_SELECTORS, keys_of
from tests.oracle.strategies.vocabulary import HOSTNAME, RACK, ZONE

_CROWD: st.SearchStrategy[Object] = st.just({"matchLabels": {"app": "web"}})


@st.composite
def _constraints(draw: st.DrawFn) -> Object:
    hard = draw(st.booleans())
    constraint: Object = {
        "maxSkew": draw(st.sampled_from([1, 1, 2, 3])),
        "topologyKey": draw(st.sampled_from([ZONE, HOSTNAME, RACK])),
        "whenUnsatisfiable": "DoNotSchedule" if hard else "ScheduleAnyway",
        **draw(st.sampled_from([{}, {}, {"nodeAffinityPolicy": "Ignore"}, {"nodeAffinityPolicy": "Honor"}])),
        **draw(st.sampled_from([{}, {}, {"nodeTaintsPolicy": "Honor"}, {"nodeTaintsPolicy": "Ignore"}])),
    }
    if hard and draw(st.integers(0, 2)) == 0:
        constraint["minDomains"] = draw(st.integers(1, 4))
    selector = draw(st.one_of(st.none(), _CROWD, _CROWD, LABEL_SELECTORS, LABEL_SELECTORS))
    if selector is None:
        return constraint
    constraint["labelSelector"] = selector
    free = sorted({"version", "track"} - keys_of(selector))
    if free and draw(st.integers(0, 3)) == 0:
        constraint["matchLabelKeys"] = [draw(st.sampled_from(free))]
    return constraint


POD: st.SearchStrategy[Part] = st.lists(
    _constraints(),
    min_size=1,
    max_size=3,
    unique_by=lambda constraint: (constraint["topologyKey"], constraint["whenUnsatisfiable"]),
).map(lambda constraints: {"spec": {"topologySpreadConstraints": constraints}})

FAMILY = Family(
    "spread",
    node=st.builds(merged, nodeaffinity.NODE, some(taints.node_taints(), 3)),
    placed=st.builds(merged, objects.CROWD, st.sampled_from([{}] * 7 + [objects.terminating()])),
    pending=st.builds(merged, objects.CROWD, POD, some(nodeaffinity.SELECTOR, 4), some(taints.pod_tolerations(), 3)),
    most_nodes=7,
    most_placed=12,
)
